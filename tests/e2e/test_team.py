"""`maestro team` on a repository of one's own, with programs that are not made for it."""

from __future__ import annotations

import hashlib
import json
import re
import signal
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.ray]

TEST = "grep -q hello greeting.txt"
REVIEW = 'review=command:sh -c \'test {evidence} && grep -q "\\"exit_code\\": 0" {evidence} && echo VERDICT: APPROVED || echo "VERDICT: REJECTED — red"\''


def plan(directory: Path, *tasks: dict[str, object], **top: str) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in {"title": "Work", "test": TEST, **top}.items()]
    for task in tasks:
        lines += ["[[tasks]]", *(f"{key} = {json.dumps(value)}" for key, value in task.items())]
    path = directory / "plan.toml"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def team(plan_file: str, dev: str, *more: str) -> list[str]:
    return ["team", "--dev", "1", "--review", "1", "--test", "1", "--plan", plan_file,
            "--provider", f"dev=command:{dev}", "--provider", REVIEW, *more]  # fmt: skip


def contents(repo: Path) -> dict[str, str]:
    """Every file of a checkout, the index included, by hash."""
    files = [
        path for path in repo.rglob("*") if path.is_file() and ".git" not in path.relative_to(repo).parts
    ]
    return {
        str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in [*files, repo / ".git" / "index"]
    }


def test_a_clean_checkout_of_the_base_is_fast_forwarded_and_told_so(warm):
    repo = warm.repository("clean")
    done = warm.run(
        *team(plan(warm.directory, {"title": "Greet"}), "sh -c 'echo hello world > greeting.txt'"), cwd=repo
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"fast-forwarded {repo}" in done.stdout
    assert (repo / "greeting.txt").read_text() == "hello world\n"
    assert re.search(r"^Greet +completed +4 +1 approved +[0-9a-f]{7} ", done.stdout, re.M)


def test_a_change_that_breaks_the_tests_is_rejected_and_never_merged(warm):
    """The developer never mends it: the cap is reached, a card asks, nobody is at the terminal, so it ends with 1."""
    repo = warm.repository("broken")
    done = warm.run(
        *team(plan(warm.directory, {"title": "Break"}), "sh -c 'date +%N > greeting.txt'"), cwd=repo
    )
    cards = warm.json("decide", "list", cwd=repo)["decisions"]

    assert done.returncode == 1, done.stdout + done.stderr
    assert "REJECTED Break" in done.stdout
    assert "APPROVED" not in done.stdout
    assert "the team waits for a decision" in done.stdout
    assert [card["kind"] for card in cards] == ["revision_cap"]
    assert warm.git(repo, "log", "--format=%s", "main").split() == ["begin"]
    aborted = warm.json("decide", cards[0]["id"][-8:], "abort")
    assert aborted["decision"]["answer"] == "abort"
    warm.until(lambda: not warm.json("team", "status", cwd=repo)["teams"])
    assert warm.git(repo, "log", "--format=%s", "main").split() == ["begin"]


def test_uncommitted_edits_of_the_person_are_byte_for_byte_what_they_were(warm):
    """The plan waits with the reason and the command to finish; once that is possible it goes on by itself."""
    repo = warm.repository("dirty", {"greeting.txt": "hello\n", "other.txt": "one\n", "staged.txt": "one\n"})
    (repo / "other.txt").write_text("unsaved work\n")
    (repo / "staged.txt").write_text("staged work\n")
    warm.git(repo, "add", "staged.txt")
    (repo / "new.txt").write_text("untracked work\n")
    before, status = contents(repo), warm.git(repo, "status", "--porcelain=v2")
    done = warm.run(
        *team(plan(warm.directory, {"title": "Greet"}), "sh -c 'echo hello there > greeting.txt'"), cwd=repo
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "warning: 3 uncommitted files" in done.stderr
    assert contents(repo) == before
    assert warm.git(repo, "status", "--porcelain=v2") == status
    command = re.search(r"To finish by hand: (git -C \S+ merge --ff-only [0-9a-f]{40})", done.stdout)
    assert command, done.stdout
    warm.git(repo, "stash", "-u", "-q")
    warm.git(repo, *command[1].split()[3:])
    card = warm.json("decide", "list", cwd=repo)["decisions"][0]
    warm.run("decide", card["id"][-8:], "retry")
    warm.until(lambda: not warm.json("team", "status", cwd=repo)["teams"])
    warm.git(repo, "stash", "pop", "-q")
    assert (repo / "greeting.txt").read_text() == "hello there\n"
    assert (repo / "other.txt").read_text() == "unsaved work\n"


def test_a_base_that_nobody_has_checked_out_is_moved(warm):
    repo = warm.repository("elsewhere")
    warm.git(repo, "switch", "-q", "-c", "mine")
    (repo / "greeting.txt").write_text("my own\n")
    done = warm.run(
        *team(plan(warm.directory, {"title": "Greet"}, base="main"), "sh -c 'echo hello you > greeting.txt'"),
        cwd=repo,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "main: moved ref" in done.stdout
    assert (repo / "greeting.txt").read_text() == "my own\n"
    assert warm.git(repo, "show", "main:greeting.txt") == "hello you\n"


def test_two_developers_who_change_the_same_line_are_sent_back_and_resolve_it(warm):
    """Both tasks fork from one commit; the second merge conflicts, and its developer writes the file anew."""
    repo = warm.repository("conflict")
    tasks = [{"id": "one", "title": "One"}, {"id": "two", "title": "Two"}]
    work = "sh -c 'until test -e {worktree}; do :; done; echo hello $MAESTRO_KEY > greeting.txt'"
    done = warm.run(
        "team", "--dev", "2", "--review", "1", "--test", "1", "--plan", plan(warm.directory, *tasks),
        "--provider", f"dev=command:{work}", "--provider", REVIEW, cwd=repo,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    assert "MERGE CONFLICT in greeting.txt" in done.stdout
    assert "<<<<" not in (repo / "greeting.txt").read_text()


def test_steering_reaches_a_running_agent_and_every_later_turn(warm):
    repo = warm.repository("steered")
    script = warm.directory / "steered.toml"
    script.write_text(
        '[[turns]]\n[[turns.steps]]\nuntil = "go"\n[[turns.steps]]\nedit = "greeting.txt"\ntext = "hello steered\\n"\n'
    )
    file = plan(warm.directory, {"title": "Greet"})
    started = warm.json("team", "--dev", "1", "--review", "1", "--test", "1", "--plan", file, "--detach",
                        "--provider", f"dev=scripted:{script}", "--provider", REVIEW, cwd=repo)  # fmt: skip
    worktree = warm.home / "worktrees" / started["team"]["name"] / "dev-1"
    warm.until(lambda: worktree.is_dir() and warm.agents())
    warm.json("steer", "mind the tests", cwd=repo)
    events = warm.until(lambda: _receipts(warm, repo))
    assert {(each["sender"], each["body"]["how"]) for each in events} >= {("dev-1", "in-turn")}
    (worktree / "go").touch()
    done = warm.run("team", "watch", started["team"]["name"], cwd=repo)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "⚑ mind the tests" in done.stdout


def _receipts(machine, repo):
    events = machine.json("team", "logs", cwd=repo)["events"]
    return [event for event in events if event["kind"] == "receipt"]


def test_ctrl_c_detaches_and_says_how_to_return_and_how_to_stop(warm):
    repo = warm.repository("detach")
    watching = warm.begin(*team(plan(warm.directory, {"title": "Wait"}), "sleep 600"), cwd=repo)
    warm.until(lambda: warm.agents())
    watching.send_signal(signal.SIGINT)
    output, _ = watching.communicate(timeout=60)

    assert watching.returncode == 130
    assert re.search(
        r"detached; the team goes on\.\n  back:  maestro team watch (\S+)\n  stop:  maestro team stop \1",
        output,
    )
    assert warm.agents()
    stopped = warm.run("team", "stop", cwd=repo)
    assert stopped.returncode == 0
    assert warm.agents() == []
    assert warm.worktrees() == []


def test_a_worker_joins_from_another_terminal_and_leaves(warm):
    repo = warm.repository("join")
    script = warm.directory / "join.toml"
    script.write_text("[[turns]]\n[[turns.steps]]\nwait = 600\n")
    lead = warm.json("team", "--dev", "1", "--detach", "--provider", f"dev=scripted:{script}", cwd=repo)
    joined = warm.begin("connect", "--no-tui", "--role", "worker", "--provider", f"dev=scripted:{script}", "--ephemeral",
                        "--team-channel", lead["team"]["name"], cwd=repo)  # fmt: skip
    names = warm.until(lambda: len(_workers(warm, repo)) == 4 and _workers(warm, repo))
    joined.send_signal(signal.SIGINT)
    output, _ = joined.communicate(timeout=60)

    assert "dev-2" in names
    assert joined.returncode == 130
    assert "dev-2 joined" in output
    assert "the session has ended" in output
    warm.until(lambda: "dev-2" not in _workers(warm, repo))


def _workers(machine, repo):
    return [each["name"] for each in machine.json("team", "status", cwd=repo)["teams"][0]["workers"]]
