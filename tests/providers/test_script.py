from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import ConfigError
from maestro_ray.providers.script import Step, parse_script
from providers.jobs import a_job

SCRIPT = """\
[[turns]]
task = "add"
purpose = "execute"
revision = 0
attempt = 1

[[turns.steps]]
say = "Reading."
[[turns.steps]]
edit = "src/a.py"
text = ""
[[turns.steps]]
edit = "src/a.py"
replace = "x"
with = ""
[[turns.steps]]
delete = "b"
[[turns.steps]]
run = "pytest"
may_fail = true
[[turns.steps]]
wait = 1
[[turns.steps]]
until = "/flag"
[[turns.steps]]
usage = { input = 10, cost = 0.5 }
[[turns.steps]]
rate_limit = 2.5
[[turns.steps]]
fail = "no idea"
[[turns.steps]]
verdict = "REJECTED — no test"

[[turns]]
steps = []
"""


def test_every_step() -> None:
    first, second = parse_script(SCRIPT, "s.toml").turns
    assert first.steps == (
        Step("say", "Reading.", {}),
        Step("edit", "src/a.py", {"text": ""}),
        Step("edit", "src/a.py", {"replace": "x", "with": ""}),
        Step("delete", "b", {}),
        Step("run", "pytest", {"may_fail": True}),
        Step("wait", 1.0, {}),
        Step("until", "/flag", {}),
        Step("usage", {"input": 10, "output": 0, "cost": 0.5}, {}),
        Step("rate_limit", 2.5, {}),
        Step("fail", "no idea", {"retryable": True}),
        Step("verdict", "REJECTED — no test", {}),
    )
    assert second.steps == ()


@pytest.mark.parametrize(
    ("selectors", "matches"),
    [
        ("", True),
        ('task = "*"\npurpose = "*"', True),
        ('task = "add"', True),
        ('task = "Add numbers"', True),
        ('task = "0197-task"', False),
        ('purpose = "execute"\nrevision = 1\nattempt = 2', True),
        ('purpose = "review"', False),
        ("revision = 0", False),
        ("attempt = 1", False),
    ],
)
def test_a_turn_matches_when_every_selector_does(selectors: str, matches: bool) -> None:
    (turn,) = parse_script(f"[[turns]]\n{selectors}\n", "s").turns
    assert turn.matches(a_job(revision=1, attempt=2)) is matches


STEP = '[[turns]]\n[[turns.steps]]\nsay = "x"\n[[turns.steps]]\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "s:1:1: the script has no [[turns]]"),
        ("[[turn]]", "s:1:1: unknown key 'turn' (did you mean turns?)"),
        ("[[turns]]\nporpose = 'x'", "s:2:1: unknown key 'porpose' (did you mean purpose?)"),
        ("[[turns]]\nrevision = '1'", "s:2:1: 'revision' must be a whole number, not a string"),
        ("[[turns]]\nrevision = ", "s:2:12: Invalid value"),
        (STEP, "s:4:1: a step does exactly one of: say, edit, delete, run, wait"),
        (STEP + 'say = "x"\nrun = "y"', "s:6:1: a step does exactly one of"),
        (STEP + 'sey = "x"', "s:5:1: unknown key 'sey' (did you mean say?)"),
        (STEP + 'say = "x"\ntext = "y"', "s:6:1: 'text' belongs to 'edit', not to 'say'"),
        (STEP + 'run = "x"\nretryable = false', "s:6:1: 'retryable' belongs to 'fail', not to 'run'"),
        (STEP + "say = 1", "s:5:1: 'say' must be a string, not a whole number"),
        (STEP + 'run = " "', "s:5:1: 'run' is empty"),
        (STEP + 'edit = "a"', "s:5:1: an edit has either 'text', or 'replace' and 'with'"),
        (STEP + 'edit = "a"\nreplace = "x"', "s:5:1: an edit has either"),
        (STEP + 'edit = "a"\ntext = "x"\nwith = "y"', "s:5:1: an edit has either"),
        (STEP + 'edit = "a"\nreplace = ""\nwith = "y"', "s:6:1: 'replace' is empty"),
        (STEP + 'edit = "../a"\ntext = "x"', "s:5:1: '../a' is not the path of a file inside the worktree"),
        (STEP + 'delete = "a/../../b"', "s:5:1: 'a/../../b' is not the path"),
        (STEP + 'delete = "/etc/passwd"', "s:5:1: '/etc/passwd' is not the path"),
        (STEP + 'delete = "."', "s:5:1: '.' is not the path"),
        (STEP + 'delete = ".GIT/index"', "s:5:1: git's own files are not to be touched"),
        (STEP + 'delete = "sub/.git/config"', "s:5:1: git's own files are not to be touched"),
        (STEP + 'wait = "1"', "s:5:1: 'wait' must be a number, not a string"),
        (STEP + "wait = -1", "s:5:1: 'wait' must be a finite number, not negative"),
        (STEP + "usage = { input = -1 }", "s:5:11: 'input' must be a finite number, not negative"),
        (STEP + "usage = { inputs = 1 }", "s:5:11: unknown key 'inputs' (did you mean input?)"),
        (
            "steering = 'never'\n" + STEP + 'say = "x"',
            "s:1:1: steering is one of: in-turn, next-turn, restart-with-resume",
        ),
        (STEP + 'verdict = "maybe"', 's:5:1: a verdict is "APPROVED" or "REJECTED — reason"'),
        (STEP + 'verdict = "REJECTED — a\\nb"', "s:5:1: a verdict is"),
    ],
)
def test_every_mistake_has_its_place(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_script(text, "s")
    assert str(caught.value).startswith(message)


@given(st.integers(0, len(SCRIPT)), st.integers(0, 30), st.text(max_size=8))
def test_a_script_with_a_mistake_is_read_or_its_place_is_named(at: int, length: int, text: str) -> None:
    try:
        assert parse_script(SCRIPT[:at] + text + SCRIPT[at + length :], "s")
    except ConfigError as error:
        assert error.args[1] >= 1
        assert error.args[2] >= 1
