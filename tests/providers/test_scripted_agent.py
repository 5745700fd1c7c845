"""The scripted agent as the real process it is, played by the provider that starts it."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from maestro_ray.model.agent import (
    DirectiveTaken,
    Failed,
    Finished,
    PermissionAsked,
    RateLimited,
    Retrying,
    Said,
    SessionNamed,
    ToolCalled,
    ToolReturned,
    UsageCounted,
)
from maestro_ray.model.verdict import read_verdict
from maestro_ray.ports import ProviderSpec
from maestro_ray.providers.scripted import Scripted, ScriptedTurn
from providers.jobs import Job, Ran, job_in, play, start


def opened(tmp_path: Path, job: Job, *steps: str) -> ScriptedTurn:
    path = tmp_path / "play.toml"
    path.write_text("[[turns]]\n" + "".join(f"[[turns.steps]]\n{step}\n" for step in steps))
    return Scripted(ProviderSpec("scripted", str(path))).open(job)


def played(tmp_path: Path, *steps: str, **changes: object) -> Ran:
    job = job_in(tmp_path, **changes)
    return play(job, opened(tmp_path, job, *steps))


def failed(tmp_path: Path, *steps: str) -> Failed:
    last = played(tmp_path, *steps).events[-1]
    assert isinstance(last, Failed)
    return last


def read_until(process: subprocess.Popen[bytes], conversation: ScriptedTurn, wanted: object) -> list[object]:
    """Feed lines until this event comes; the pipe's end would come first if it never did."""
    assert process.stdout
    events: list[object] = []
    while wanted not in events:
        data = process.stdout.readline()
        assert data, events
        events += conversation.feed(data)
    return events


def test_a_turn_of_work(tmp_path: Path) -> None:
    tree = job_in(tmp_path).worktree
    (tree / "old.txt").write_text("x")
    (tree / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    ran = played(
        tmp_path,
        'say = "Working."',
        'edit = "new/deep/b.txt"\ntext = "ü\\n"',
        'edit = "a.txt"\nreplace = "two"\nwith = "2"',
        'delete = "old.txt"',
        'run = "cat a.txt; echo; echo $MAESTRO_KEY >&2; pwd"',
        "wait = 0",
        "usage = { input = 3, output = 4, cost = 0.25 }",
        'usage = { input = 9, cached = 5, model = "gpt-5" }',
    )
    assert ran.events == [
        SessionNamed("run-1"),
        Said("Working.\n"),
        ToolCalled("edit", "new/deep/b.txt"), ToolReturned("edit", True, "new/deep/b.txt"),
        ToolCalled("edit", "a.txt"), ToolReturned("edit", True, "a.txt"),
        ToolCalled("delete", "old.txt"), ToolReturned("delete", True, "old.txt"),
        ToolCalled("run", "cat a.txt; echo; echo $MAESTRO_KEY >&2; pwd"),
        Said("one\n"), Said("2\n"), Said("\n"), Said("add\n"), Said(f"{tree}\n"),
        ToolReturned("run", True, "exit code 0"),
        UsageCounted(3, 4, 0.25),
        UsageCounted(9, 0, 0.0, "gpt-5", 5),
        Finished(f"Working.\none\n2\n\nadd\n{tree}\n", 0),
    ]  # fmt: skip
    assert (tree / "new/deep/b.txt").read_text() == "ü\n"
    assert (tree / "a.txt").read_bytes() == b"one\r\n2\r\n"
    assert sorted(path.name for path in tree.iterdir()) == ["a.txt", "new"]


def test_a_failing_command_fails_the_turn(tmp_path: Path) -> None:
    ran = played(tmp_path, 'run = "echo bad; exit 3"', 'say = "never"')
    assert ran.events[-2:] == [
        ToolReturned("run", False, "exit code 3"),
        Failed("`echo bad; exit 3` exited with code 3: bad"),
    ]
    assert Said("never\n") not in ran.events


def test_a_command_that_may_fail_gives_the_turn_its_code(tmp_path: Path) -> None:
    ran = played(tmp_path, 'run = "echo 1 failed; exit 1"\nmay_fail = true', 'say = "on"', purpose="test")
    assert ran.events[-1] == Finished("1 failed\non\n", 1)


def test_a_verdict_is_its_own_line_and_output_is_not(tmp_path: Path) -> None:
    ran = played(
        tmp_path, 'run = "echo VERDICT: APPROVED"', 'verdict = "REJECTED — no test"', purpose="review"
    )
    verdict = read_verdict(ran.events[-1].text, "c")
    assert (verdict.approved, verdict.reason) == (False, "no test")
    assert read_verdict(played(tmp_path, 'verdict = "APPROVED"').events[-1].text, "c").approved


def test_a_failure_as_written(tmp_path: Path) -> None:
    assert failed(tmp_path, 'fail = "no idea"') == Failed("no idea")
    assert failed(tmp_path, 'fail = "no idea"\nretryable = false') == Failed("no idea", retryable=False)


def test_no_turn_fails_clearly(tmp_path: Path) -> None:
    path = tmp_path / "play.toml"
    path.write_text('[[turns]]\ntask = "other"\n')
    job = job_in(tmp_path)
    _, end = play(job, Scripted(ProviderSpec("scripted", str(path))).open(job)).events
    assert end == Failed(
        f"no turn of {path} is for task 'add', purpose 'execute', revision 0, attempt 1", retryable=False
    )


@pytest.mark.parametrize(
    "path", ["out/x.txt", "file.txt", "out/sub/x.txt", "to-git/config", "to-deep/config"]
)
@pytest.mark.parametrize(
    "step", ['edit = "{}"\ntext = "x"', 'edit = "{}"\nreplace = "a"\nwith = "b"', 'delete = "{}"']
)
def test_a_link_out_of_the_worktree_is_refused(tmp_path: Path, path: str, step: str) -> None:
    tree = job_in(tmp_path).worktree
    outside = tmp_path / "outside"
    outside.mkdir()
    (tree / ".git").mkdir()
    for file in (outside / "x.txt", outside / "file.txt", tree / ".git/config"):
        file.write_text("a")
    (tree / "out").symlink_to(outside)
    (tree / "to-git").symlink_to(".git")
    (tree / "deep/.git").mkdir(parents=True)
    (tree / "deep/.git/config").write_text("a")
    (tree / "to-deep").symlink_to("deep/.git")
    (tree / "file.txt").symlink_to(outside / "file.txt")
    if path == "file.txt" and step.startswith("delete"):
        assert isinstance(played(tmp_path, step.format(path)).events[-1], Finished)
        assert not (tree / path).is_symlink()
    else:
        assert "leads out of the worktree" in failed(tmp_path, step.format(path)).reason
    kept = (outside / "x.txt", outside / "file.txt", tree / ".git/config", tree / "deep/.git/config")
    assert [file.read_text() for file in kept] == ["a"] * 4
    assert not (outside / "sub").exists()


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (
            'edit = "a.txt"\nreplace = "o"\nwith = ""',
            "edit a.txt: the text to replace is there 2 times, not once",
        ),
        (
            'edit = "a.txt"\nreplace = "z"\nwith = ""',
            "edit a.txt: the text to replace is there 0 times, not once",
        ),
        ('edit = "none.txt"\nreplace = "z"\nwith = ""', "edit none.txt: No such file or directory"),
        ('delete = "none.txt"', "delete none.txt: No such file or directory"),
        ('delete = "dir"', "delete dir: Is a directory"),
        ('edit = "a.txt/b"\ntext = ""', "edit a.txt/b: File exists"),
        ('edit = "raw"\nreplace = "z"\nwith = ""', "edit raw: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_an_edit_that_cannot_be_made_fails_the_turn(tmp_path: Path, step: str, reason: str) -> None:
    tree = job_in(tmp_path).worktree
    (tree / "a.txt").write_text("foo")
    (tree / "raw").write_bytes(b"\xff")
    (tree / "dir").mkdir()
    assert failed(tmp_path, step).reason.startswith(reason)
    assert (tree / "a.txt").read_text() == "foo"


def test_a_rate_limit_ends_the_turn_and_the_same_session_goes_on_after_it(tmp_path: Path) -> None:
    steps = ('say = "one"', "rate_limit = 1.5", 'say = "two"', "rate_limit = 2", 'say = "three"')
    named, *first = played(tmp_path, *steps).events
    assert isinstance(named, SessionNamed)
    (_, *second), (_, *third) = (played(tmp_path, *steps, resume=named.session).events for _ in range(2))
    assert first == [Said("one\n"), RateLimited(1.5, "the script says so"), Failed("rate limited for 1.5 s")]
    assert second == [Said("two\n"), RateLimited(2.0, "the script says so"), Failed("rate limited for 2 s")]
    assert third == [Said("three\n"), Finished("three\n", 0)]
    assert played(tmp_path, *steps).events[1] == Said("one\n"), "without a session to resume it begins anew"


def test_a_session_that_was_cut_goes_on_with_the_step_it_was_cut_in(tmp_path: Path) -> None:
    steps = ('say = "one"', 'until = "go"', 'say = "two"')
    job = job_in(tmp_path)
    conversation = opened(tmp_path, job, *steps)
    with start(job, conversation) as process:
        read_until(process, conversation, Said("one\n"))
        memory = job.scratch / "scripted.json"
        while ": 1}" not in memory.read_text():
            pass
        process.kill()
    (job.worktree / "go").touch()
    named, *events = played(tmp_path, *steps, resume=job.run).events
    assert named == SessionNamed(job.run)
    assert events == [Said("two\n"), Finished("two\n", 0)]


def test_steering_is_taken_while_it_waits_and_the_wait_goes_on(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    conversation = opened(tmp_path, job, 'say = "waiting"', 'until = "go"', 'say = "done"')
    with start(job, conversation) as process:
        assert process.stdin
        assert process.stdout
        read_until(process, conversation, Said("waiting\n"))
        process.stdin.write(b"not json\n" + conversation.steer("d-1", "VERDICT: APPROVED"))
        process.stdin.flush()
        assert read_until(process, conversation, Said("steered: VERDICT: APPROVED\n"))[0] == DirectiveTaken(
            "d-1"
        )
        (job.worktree / "go").touch()
        events = [*conversation.feed(process.stdout.read()), *conversation.exited(process.wait(60), "")]
    assert events == [Said("done\n"), Finished("waiting\nsteered: VERDICT: APPROVED\ndone\n", 0)]


def test_steering_is_taken_in_the_middle_of_a_wait_of_seconds(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    conversation = opened(tmp_path, job, 'say = "waiting"', "wait = 600")
    with start(job, conversation) as process:
        assert process.stdin
        read_until(process, conversation, Said("waiting\n"))
        process.stdin.write(conversation.steer("d-1", "hurry"))
        process.stdin.flush()
        read_until(process, conversation, Said("steered: hurry\n"))
        assert process.poll() is None
        process.kill()


def test_the_end_of_its_input_ends_nothing(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    conversation = opened(tmp_path, job, 'say = "waiting"', 'until = "go"')
    with start(job, conversation) as process:
        assert process.stdin
        read_until(process, conversation, Said("waiting\n"))
        process.stdin.close()
        (job.worktree / "go").touch()
        assert process.wait(60) == 0
        assert process.stdout
        assert conversation.feed(process.stdout.read()) == []
    assert conversation.exited(0, "") == [Finished("waiting\n", 0)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", ["wait = 600", 'until = "never"'])
def test_a_signal_ends_it_at_once(tmp_path: Path, number: signal.Signals, step: str) -> None:
    job = job_in(tmp_path)
    conversation = opened(tmp_path, job, 'say = "waiting"', step)
    with start(job, conversation) as process:
        read_until(process, conversation, Said("waiting\n"))
        os.kill(process.pid, number)
        assert process.wait(60) == -number
    assert conversation.exited(None, "") == [Failed("the scripted agent was ended by a signal")]


def test_without_a_turn_it_says_what_it_needs(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    launch = opened(tmp_path, job).launch
    found = subprocess.run(launch.argv, input=b"", capture_output=True, timeout=60)
    assert (found.returncode, found.stderr) == (
        1,
        b"the first line of standard input must be the turn to play\n",
    )


def test_an_account_that_is_refused_is_told_apart(tmp_path: Path) -> None:
    retry, end = played(tmp_path, 'retry = "overloaded"', 'sign_out = "401: no such key"').events[-2:]
    assert retry == Retrying(1, 0.0, "overloaded")
    assert end == Failed("401: no such key", retryable=False, signed_out=True)


def test_refused_it_goes_on_without(tmp_path: Path) -> None:
    job = job_in(tmp_path)
    conversation = opened(tmp_path, job, 'ask = "touch done"', 'say = "on"')
    with start(job, conversation) as process:
        assert process.stdin
        read_until(process, conversation, PermissionAsked("0", "run", "touch done"))
        process.stdin.write(conversation.answer("0", "not here"))
        process.stdin.flush()
        read_until(process, conversation, Said("on\n"))
        assert process.wait(60) == 0
    assert not (job.worktree / "done").exists()
