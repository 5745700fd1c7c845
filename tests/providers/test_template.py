from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maestro_ray.providers.template import LONGEST_ARGUMENT, Template, environment, prompt_file, values
from providers.jobs import a_job, job_in

EVIL = """a'b"c $(touch pwned) `touch pwned`; touch pwned #\n--flag * \\"""


def fill(template: str, **changes: object) -> tuple[str, ...]:
    return Template(shlex.split(template)).fill(a_job(**changes))


def test_every_placeholder_has_its_value() -> None:
    job = a_job(evidence=Path("/e"), revision=2, attempt=3)
    names = (
        "prompt", "prompt_file", "worktree", "scratch", "task", "key", "title", "run", "purpose", "base", "commit",
        "branch", "test", "evidence", "revision", "attempt",
    )  # fmt: skip
    argv = Template(["x", *(f"<{{{name}}}>" for name in names)]).fill(job)
    assert argv[1:] == (
        "<Please add.\n>", "</scratch/prompt.md>", "</work tree>", "</scratch>", "<0197-task>", "<add>",
        "<Add numbers>", "<run-1>", "<execute>", f"<{'b' * 40}>", f"<{'c' * 40}>", "<task/add>", "<pytest -q>",
        "</e>", "<2>", "<3>",
    )  # fmt: skip


def test_a_value_stays_within_its_argument() -> None:
    assert fill("aider --message {title} {worktree}/x", title=EVIL) == (
        "aider",
        "--message",
        EVIL,
        "/work tree/x",
    )


def test_a_value_is_not_a_template() -> None:
    assert fill("x {title}", title="{prompt} }} {{") == ("x", "{prompt} }} {{")


def test_doubled_braces_are_literal() -> None:
    assert fill("awk '{{print $1}}' {{{key}}} {{}}") == ("awk", "{print $1}", "{add}", "{}")


@pytest.mark.parametrize(
    ("template", "message"),
    [
        (
            "x {titel}",
            r"unknown placeholder \{titel\} \(did you mean title\?\); known: \{prompt\}, .*\{attempt\}",
        ),
        ("x {}", r"unknown placeholder \{\}"),
        ("x ${HOME}", r"unknown placeholder \{HOME\}"),
        ("x {title", r"a lone '\{'; write '\{\{' for a literal one"),
        ("x title}", r"a lone '\}'"),
        ("", "the command is empty"),
        ("x a\0b", "holds a NUL character"),
    ],
)
def test_a_wrong_template_is_explained(template: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Template(shlex.split(template))


@pytest.mark.parametrize(
    "template",
    [
        "python -c 'print({title!})'".replace("!", ""),
        "timeout 5 /usr/bin/python3.11 -W ignore -c 'print(\"{title}\")'",
        "perl -e 1 -pe 's/x/{title}/'",
        "perl -e{title}",
        "node --eval={title}",
        "ruby -e '{title}'",
        "su -c 'echo {title}'",
    ],
)
def test_a_value_cannot_become_program_text(template: str) -> None:
    with pytest.raises(
        ValueError, match=r"\{title\} would become part of a program; let that read \$MAESTRO_TITLE"
    ):
        Template(shlex.split(template))


@pytest.mark.parametrize(
    "template", ["python tool.py -c {title}", "python -m tool -e {title}", "git -c x={title} log"]
)
def test_an_option_of_another_program_is_no_program_text(template: str) -> None:
    assert fill(template)[-1] != ""
    assert "Add numbers" in " ".join(fill(template))


SCRIPTS = [
    "printf %s {title}",
    'printf %s "{title}"',
    "printf %s '{title}'",
    r"""x=\"; printf %s {title}""",
    r"""x="\""; printf %s {title}""",
    r"""x='\'; printf %s "{title}" """,
    'printf %s "it\'s {title}" | sed "s/^it\'s //"',
    'x={title}; printf %s "$x"',
    'printf %s "$(printf \'%s\' "$MAESTRO_TITLE")"',
]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("shell", ["sh -c", "bash -o pipefail -ec", "timeout 30 /bin/sh -c"])
def test_a_value_in_a_shell_script_runs_nothing(tmp_path: Path, shell: str, script: str) -> None:
    job = job_in(tmp_path, title=EVIL)
    argv = Template([*shlex.split(shell), script]).fill(job)
    found = subprocess.run(
        argv,
        cwd=job.worktree,
        env={"PATH": "/usr/bin:/bin", **environment(job)},
        capture_output=True,
        check=True,
    )
    assert found.stdout.decode() == EVIL
    assert list(job.worktree.iterdir()) == []


@pytest.mark.parametrize(
    "script", ['echo "$(echo "{title}")"', "echo `echo '{title}'` # don't {title}", "cat <<E\n'{title}\nE"]
)
def test_where_the_quoting_is_misread_still_nothing_runs(tmp_path: Path, script: str) -> None:
    job = job_in(tmp_path, title=EVIL)
    argv = Template(["sh", "-c", script]).fill(job)
    subprocess.run(
        argv, cwd=job.worktree, env={"PATH": "/usr/bin:/bin", **environment(job)}, capture_output=True
    )
    assert list(job.worktree.iterdir()) == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=20),
    st.sampled_from(SCRIPTS[:3]),
)
def test_any_value_arrives_as_it_is(tmp_path: Path, title: str, script: str) -> None:
    job = job_in(tmp_path, title=title)
    argv = Template(["sh", "-c", script]).fill(job)
    found = subprocess.run(
        argv, env={"PATH": "/usr/bin:/bin", **environment(job)}, capture_output=True, check=True
    )
    assert found.stdout.decode() == title


def test_the_prompt_reaches_a_script_through_its_file(tmp_path: Path) -> None:
    job = job_in(tmp_path, prompt=EVIL)
    prompt_file(job).write_text(job.prompt)
    argv = Template(["sh", "-c", 'printf %s {prompt}; printf %s "{prompt}"']).fill(job)
    found = subprocess.run(
        argv, env={"PATH": "/usr/bin:/bin", **environment(job)}, capture_output=True, check=True
    )
    assert found.stdout.decode() == EVIL * 2


def test_a_script_that_is_the_test_command_is_just_that() -> None:
    assert fill("sh -ec {test}", test="cd x && pytest") == ("sh", "-ec", "cd x && pytest")
    assert fill("sh -c 'echo; {test}'") == ("sh", "-c", 'echo; "${MAESTRO_TEST}"')


def test_an_argument_of_a_script_file_is_no_script() -> None:
    assert fill("bash build.sh -c {title}", title="a b") == ("bash", "build.sh", "-c", "a b")
    assert fill("sh -c 'echo $1' sh {title}", title="a b") == ("sh", "-c", "echo $1", "sh", "a b")


def test_an_argument_too_long_for_the_kernel_is_cut_and_says_so(tmp_path: Path) -> None:
    argv = Template(["printf", "%s", "{prompt}"]).fill(a_job(prompt="ü" * 100_000))
    assert len(argv[2].encode()) <= LONGEST_ARGUMENT
    assert argv[2].endswith("the whole prompt is in /scratch/prompt.md …]")
    assert subprocess.run(argv, capture_output=True, check=True).stdout == argv[2].encode()


def test_what_no_argument_can_hold_is_left_out() -> None:
    assert fill("x {title}", title="a\0b\ud800") == ("x", "ab?")


def test_the_environment_tells_everything_but_the_prompt() -> None:
    job = a_job(evidence=None)
    assert environment(job) == {
        f"MAESTRO_{name.upper()}": value for name, value in values(job).items() if name != "prompt"
    }
    assert environment(job)["MAESTRO_PROMPT_FILE"] == "/scratch/prompt.md"
    assert environment(job)["MAESTRO_EVIDENCE"] == ""


def test_the_program_and_the_names_in_use() -> None:
    template = Template(["ruff", "{worktree}", "{key}{key}"])
    assert (template.program, template.names) == ("ruff", {"worktree", "key"})
    assert Template(["{worktree}/run"]).program is None
    assert Template(["a{{b"]).program == "a{b"
