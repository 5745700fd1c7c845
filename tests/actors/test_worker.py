"""A worker with real git, real agents under their shims, and a post office for the rest of the team."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from agent.programs import STUBBORN
from workspace.sample import Sample, committer

from maestro_ray.actors.equipment import Equipment
from maestro_ray.actors.mail import Mailbox
from maestro_ray.actors.messages import (
    Assign,
    BeWorker,
    Delivered,
    Directive,
    DirectivesCleared,
    Post,
    Report,
    Roster,
    Spent,
    Text,
    WhatHolds,
    Withdraw,
    WorkerEvent,
)
from maestro_ray.actors.workbench import Workbench
from maestro_ray.actors.worker import Worker
from maestro_ray.agent.sweep import alive, find
from maestro_ray.errors import IllegalEvent, JournalBroken
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.hooks import Hook
from maestro_ray.home import Home
from maestro_ray.ports import ProviderSpec
from maestro_ray.testing import FakeClock, eventually

from .office import Office
from .parts import a_run, a_worker, command

Hire = Callable[..., Worker]


@pytest.fixture
def office() -> Office:
    return Office()


@pytest.fixture
async def hire(home: Home, sample: Sample, office: Office) -> AsyncIterator[Hire]:
    """Makes the one worker of the test; it must leave nothing."""
    hired: list[Worker] = []

    def make(provider: ProviderSpec | str, role: str = "dev", **changes: Any) -> Worker:
        spec = command(provider) if isinstance(provider, str) else provider
        part: BeWorker = a_worker(home, sample.path, spec, role, **changes)
        hired.append(Worker(part, office.courier(), FakeClock()))
        hired[-1].start()
        return hired[-1]

    yield make
    for worker in hired:
        await worker.quit()
        worker._courier.close()
    assert not [path for path in home.worktrees.glob("*/*") if path.is_dir()], "a worktree was left"


def script(tmp_path: Path, *steps: str, steering: str = "in-turn") -> ProviderSpec:
    """The scripted provider with these steps for every turn."""
    path = tmp_path / "script.toml"
    path.write_text(f"steering = {steering!r}\n[[turns]]\nsteps = [{', '.join(steps)}]\n")
    return ProviderSpec("scripted", str(path))


async def reported(office: Office, action: str = "complete", count: int = 1) -> Report:
    """The last of the first so many reports of this kind."""
    found = await office.until(lambda: [r for r in office.of(Report) if r.action == action][count - 1 :])
    return found[0]  # type: ignore[no-any-return]


def kinds(office: Office) -> list[str]:
    return [post.kind for post in office.of(Post)]


async def test_work_becomes_a_commit_of_the_worker_on_the_task_branch(
    hire: Hire, office: Office, sample: Sample
) -> None:
    base = sample.sha("main")
    worker = hire("echo hello > new.txt; echo so done")
    worker.handle("lead", Assign(a_run(base)))
    report = await reported(office)
    commit = report.body["result"]["commit"]
    assert (report.run, report.epoch) == ("run-1", 1)
    assert sample.sha("task/add-it") == commit
    assert sample.sha(f"{commit}^") == base
    assert sample.files(commit)["new.txt"] == "hello\n"
    assert committer(sample, commit) == "dev-1 <dev-1@maestro.invalid> | dev-1 <dev-1@maestro.invalid>"
    message = sample.git("log", "-1", "--format=%B", commit)
    assert message.startswith("Add it\n\nBecause.")
    trailers = sample.git("log", "-1", "--format=%(trailers:only,unfold)", commit).split("\n")
    assert {"Maestro-Run: run-1", "Maestro-Task: task-id", "Maestro-Session: session-dev"} <= set(trailers)
    assert report.body["result"]["files"] == ["new.txt"]
    assert report.body["result"]["summary"] == "so done"
    assert sample.sha("main") == base
    assert not (sample.path / "new.txt").exists()


async def test_the_team_hears_of_it(hire: Hire, office: Office, sample: Sample) -> None:
    worker = hire("echo hi > new.txt; echo words")
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    assert worker.run == "run-1"
    await office.until(lambda: len(office.of(WorkerEvent)) == 2)
    began, over = office.of(WorkerEvent, "slot-lead")
    assert (began.began, over.began, over.run) == (True, False, "run-1")
    assert kinds(office) == ["run.started", "run.ended"]
    assert "words" in "".join(text.text for text in office.of(Text, "slot-channel"))
    assert worker.run == ""


async def test_changing_nothing_is_a_failure(hire: Hire, office: Office, sample: Sample) -> None:
    hire("true").handle("lead", Assign(a_run(sample.sha("main"))))
    report = await reported(office, "fail")
    assert report.body == {"reason": "the agent changed nothing", "retryable": True, "hold": False}


async def test_a_failing_agent_is_a_failure_with_its_words(
    hire: Hire, office: Office, sample: Sample
) -> None:
    hire("echo cannot; exit 3").handle("lead", Assign(a_run(sample.sha("main"))))
    assert "exited with code 3: cannot" in (await reported(office, "fail")).body["reason"]


async def test_a_program_that_is_not_there_is_a_failure_and_leaves_nothing(
    hire: Hire, office: Office, home: Home, sample: Sample
) -> None:
    """Red with `finish` only where a turn came to its end."""
    worker = hire(ProviderSpec("command", "no-such-program-here"))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    assert "no-such-program-here" in (await reported(office, "fail")).body["reason"]
    assert list((home.root / "scratch" / "bot-1").iterdir()) == []


async def test_what_is_no_task_is_not_begun(hire: Hire, office: Office, sample: Sample) -> None:
    run = {**a_run(sample.sha("main"), "plan"), "task": None}
    hire("true").handle("lead", Assign(run))
    report = await reported(office, "fail")
    reason = "the workers of this team do tasks, and no plan"
    assert report.body == {"reason": reason, "retryable": False, "hold": False}


async def test_a_name_that_is_no_utf8_can_be_reported(hire: Hire, office: Office, sample: Sample) -> None:
    worker = hire(r"touch \"$(printf 'caf\351.txt')\"".replace('\\"', '"'))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    (name,) = (await reported(office)).body["result"]["files"]
    assert name.encode()  # it can be sent


async def test_a_test_run_gives_evidence_red_or_green(hire: Hire, office: Office, sample: Sample) -> None:
    base = sample.sha("main")
    worker = hire(ProviderSpec("command"), "test")
    test = "echo '===== 3 passed, 2 failed in 0.1s ====='; exit 1"
    worker.handle("lead", Assign(a_run(base, "test", task={"test": test})))
    result = (await reported(office)).body["result"]
    assert result["commit"] == base
    assert result["command"] == test
    assert result["exit_code"] == 1
    assert result["counts"] == {"passed": 3, "failed": 2}
    assert "3 passed" in result["output"]


async def test_a_test_runs_at_the_commit_under_test(hire: Hire, office: Office, sample: Sample) -> None:
    side = sample.side("task/add-it", added="yes\n")
    worker = hire(ProviderSpec("command"), "test")
    worker.handle("lead", Assign(a_run(sample.sha("main"), "test", commit=side, task={"test": "cat added"})))
    result = (await reported(office)).body["result"]
    assert (result["exit_code"], result["output"], result["commit"]) == (0, "yes\n", side)


async def test_what_a_reviewer_says_is_passed_on_and_what_it_changes_is_not(
    hire: Hire, office: Office, sample: Sample
) -> None:
    side = sample.side("task/add-it", added="yes\n")
    worker = hire("echo spoiled > added; echo 'VERDICT: REJECTED — no test'", "review")
    worker.handle("lead", Assign(a_run(sample.sha("main"), "review", commit=side)))
    assert "VERDICT: REJECTED — no test" in (await reported(office)).body["result"]["output"]
    assert sample.sha("task/add-it") == side


async def test_evidence_is_laid_beside_the_worktree_and_taken_away(
    hire: Hire, office: Office, sample: Sample, home: Home
) -> None:
    worker = hire('cat "$MAESTRO_EVIDENCE" || env', "review")
    run = a_run(sample.sha("main"), "review", evidence={"exit_code": 1, "commit": "c"})
    worker.handle("lead", Assign(run))
    assert '"exit_code": 1' in (await reported(office)).body["result"]["output"]
    await office.until(lambda: len(office.of(WorkerEvent)) == 2)
    assert list((home.root / "scratch").glob("*/*")) == []


async def test_a_rate_limit_is_a_pause_and_no_failure(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    spec = script(tmp_path, "{ rate_limit = 0.01 }", '{ edit = "new.txt", text = "x" }')
    worker = hire(spec)
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: "run.ended" in kinds(office))
    assert [report.action for report in office.of(Report)] == ["pause", "resume", "complete"]
    assert office.of(Report)[0].body == {"resume_at": FakeClock().wall() + 0.01}
    assert kinds(office) == ["run.started", "run.paused", "run.ended"]


async def test_all_that_an_agent_has_used_is_in_each_report_that_is_about_more_of_it(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    used = "{ usage = { input = 5, output = 2, cost = 0.5 } }"
    spec = script(tmp_path, used, used, "{ rate_limit = 0.01 }", used, '{ edit = "new.txt", text = "x" }')
    worker = hire(spec)
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await reported(office)
    pause, resume, complete = (_counts(report.body.get("usage")) for report in office.of(Report))
    assert pause == (10, 4, 1.0)
    assert resume is None
    assert complete == (15, 6, 1.5)
    # and while it works, for those who watch
    assert office.of(Spent)


def _counts(usage: Any) -> Any:
    if usage is None:
        return None
    (row,) = usage["models"]
    return row["input_tokens"], row["output_tokens"], row["cost_usd"]


def studio(office: Office, *answers: dict[str, Any] | None) -> None:
    """What Studio says to what is spent, one after the other, and the last for ever."""
    left = list(answers)
    office.replies[Spent] = lambda _to, _message: left.pop(0) if len(left) > 1 else left[0]


def grant(usd: float) -> dict[str, Any]:
    return {"granted": True, "tokens": None, "usd": usd, "waits": False, "reason": ""}


NO_MORE = {"granted": False, "tokens": 0, "usd": 0.0, "waits": False, "reason": "it is used up"}


async def test_at_its_cap_a_run_pauses_between_two_steps_and_goes_on_there(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red with `_spent` that only counts: the second step is taken too, and the third."""
    monkeypatch.setattr("maestro_ray.actors.worker.AGAIN", 0.05)
    spend, wait = "{ usage = { input = 10, cost = 0.6 } }", "{ until = 'go' }"
    write = "{ run = 'echo step >> steps.txt' }"
    worker = hire(script(tmp_path, write, spend, wait, write, spend, wait, write))
    studio(office, grant(0.5), NO_MORE, NO_MORE, NO_MORE, grant(5.0))
    worker.handle("lead", Assign({**a_run(sample.sha("main")), "budget": True}))
    pause = await reported(office, "pause")
    assert (pause.body["resume_at"], _counts(pause.body["usage"])) == (None, (10, 0, 0.6))
    posts = await office.until(lambda: [post for post in office.of(Post) if post.kind == "run.paused"])
    assert posts[0].body["reason"] == "it is used up"
    await reported(office, "resume")
    (worker._bench._path() / "go").write_text("")
    complete = await reported(office)
    # one that was stopped in the very step that costs pays for it again
    assert _counts(complete.body["usage"])[2] in (pytest.approx(1.2), pytest.approx(1.8))
    # the steps of before were not taken again
    assert sample.git("show", f"{complete.body['result']['commit']}:steps.txt") == "step\nstep\nstep"


async def test_nothing_begins_before_it_is_reserved(
    hire: Hire, office: Office, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while Studio does not answer. Red without `_fill_purse` before the turn."""
    monkeypatch.setattr("maestro_ray.actors.worker.AGAIN", 0.05)
    worker = hire("echo x > new.txt")
    studio(office, None, NO_MORE, grant(1.0))
    worker.handle("lead", Assign({**a_run(sample.sha("main")), "budget": True}))
    await reported(office)
    assert [report.action for report in office.of(Report)] == ["pause", "resume", "complete"]
    assert [message.body["ask"] for message in office.of(Spent)][:3] == [True] * 3


async def test_what_a_withdrawn_run_has_used_is_reported_all_the_same(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    """Red with `_withdrawn` that reports nothing."""
    worker = hire(script(tmp_path, "{ usage = { input = 10, cost = 0.6 } }", "{ until = 'never' }"))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: office.of(Spent))
    await worker.handle("lead", Withdraw("run-1", "session-dev", 1))
    (report,) = office.of(Report)
    assert (report.action, _counts(report.body["usage"])) == ("spent", (10, 0, 0.6))


async def test_what_an_agent_asks_leave_for_is_granted_where_the_policy_says_so(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    spec = replace(script(tmp_path, """{ ask = "echo x > new.txt" }"""), permissions=("unattended allow",))
    worker = hire(spec)
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    commit = (await reported(office)).body["result"]["commit"]
    assert sample.git("show", f"{commit}:new.txt") == "x"


# ── taking back ──────────────────────────────────────────────────────────────────────────────────────────────────


PROPOSES = """echo 'MAESTRO:SUBTASK {{"title": "Docs"}}'; echo 'MAESTRO:SUBTASK docs'; echo x > new.txt; """


async def test_a_subtask_is_reported_before_the_work_that_was_split(
    hire: Hire, office: Office, sample: Sample
) -> None:
    """Also when the journal cannot take it at first: afterwards nobody works on the run, and it would be refused."""
    broken = [JournalBroken("c.db", "the disk is full")]
    office.replies[Report] = lambda *_: broken.pop() if broken else None
    worker = hire(PROPOSES)
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await reported(office)
    assert [each.action for each in office.of(Report)] == ["subtask", "subtask", "complete"]
    first, again, _ = office.of(Report)
    assert (first.run, first.epoch, first.body) == ("run-1", 1, {"title": "Docs"})
    assert first.id == again.id
    (refused,) = [post for post in office.of(Post) if post.kind == "subtask.refused"]
    assert (refused.body["run"], refused.body["subtask"]) == ("run-1", "MAESTRO:SUBTASK docs")


@pytest.mark.parametrize("purpose", ["test", "review"])
async def test_what_a_test_or_a_review_prints_is_no_proposal(
    hire: Hire, office: Office, sample: Sample, purpose: str
) -> None:
    worker = hire(PROPOSES, role=purpose)
    worker.handle("lead", Assign(a_run(sample.sha("main"), purpose)))
    await reported(office)
    assert [each.action for each in office.of(Report)] == ["complete"]


async def test_withdrawn_while_nobody_takes_its_proposal_a_worker_lets_go(
    hire: Hire, office: Office, sample: Sample
) -> None:
    office.replies[Report] = lambda *_: JournalBroken("c.db", "the disk is full")
    worker = hire(PROPOSES)
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: office.of(Report))
    await worker.handle("lead", Withdraw("run-1", "session-dev", 1))
    assert worker.handover == ("", 0)
    assert {each.action for each in office.of(Report)} == {"subtask"}


async def test_withdrawn_the_whole_tree_ends_and_nothing_is_reported(
    hire: Hire, office: Office, sample: Sample, home: Home, tmp_path: Path
) -> None:
    program = tmp_path / "stubborn.py"
    program.write_text(STUBBORN)
    worker = hire(ProviderSpec("command", f"python3 -u {program}"))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await eventually(lambda: len(find(f"{home.instance}:")) >= 4)  # its shim too
    tree = find(f"{home.instance}:")
    await worker.handle("lead", Withdraw("run-1", "session-dev", 1))
    # the shim has closed its pipe and may be on its last instructions
    await eventually(lambda: not any(alive(process) for process in tree))
    assert worker.run == ""
    await office.until(lambda: len(office.of(WorkerEvent)) == 2)
    assert office.of(Report) == []
    assert kinds(office) == ["run.started", "run.withdrawn"]
    assert worker.handle("lead", Withdraw("run-1", "session-dev", 1)) is None


async def test_what_is_assigned_behind_a_withdrawal_in_one_batch_is_done(
    hire: Hire, office: Office, sample: Sample
) -> None:
    """A task is aborted, and in the same transaction the next one is handed to the same worker."""
    worker = hire("[ $MAESTRO_RUN = run-2 ] || sleep 600; echo hi > new.txt")
    mailbox = Mailbox(worker.handle)
    first = a_run(sample.sha("main"))
    await mailbox.receive("lead", [(1, Assign(first))])
    await office.until(lambda: "run.started" in kinds(office))
    await mailbox.receive(
        "lead", [(2, Withdraw("run-1", "session-dev", 1)), (3, Assign({**first, "id": "run-2"}))]
    )
    await reported(office)
    assert [(report.run, report.action) for report in office.of(Report)] == [("run-2", "complete")]


async def test_a_withdrawal_of_an_earlier_handover_changes_nothing(
    hire: Hire, office: Office, sample: Sample
) -> None:
    worker = hire("echo hi > new.txt")
    worker.handle("lead", Assign(a_run(sample.sha("main"), epoch=3)))
    assert worker.handle("lead", Withdraw("run-1", "session-dev", 1)) is None
    await reported(office)


async def test_a_withdrawal_of_another_run_changes_nothing(
    hire: Hire, office: Office, sample: Sample
) -> None:
    worker = hire("echo hi > new.txt")
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    assert worker.handle("lead", Withdraw("run-0", "session-dev", 1)) is None
    await reported(office)


async def test_withdrawn_before_it_began_it_never_begins(
    hire: Hire, office: Office, sample: Sample, home: Home
) -> None:
    worker = hire("sleep 60")
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await worker.handle("lead", Withdraw("run-1", "session-dev", 1))
    assert find(f"{home.instance}:") == []
    assert office.of(Report) == []


async def test_quitting_leaves_no_process_and_no_worktree(
    hire: Hire, office: Office, sample: Sample, home: Home
) -> None:
    worker = hire("setsid sleep 60 & sleep 60")
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await eventually(lambda: len(find(f"{home.instance}:")) >= 3)
    assert (home.worktrees / "bot-1" / "dev-1").is_dir()
    await worker.quit()
    assert find(f"{home.instance}:") == []
    assert not (home.worktrees / "bot-1" / "dev-1").exists()
    assert office.of(Report) == []


async def test_two_who_stop_it_both_wait_for_the_end(
    hire: Hire, office: Office, sample: Sample, home: Home
) -> None:
    worker = hire("trap '' TERM; sleep 60")
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await eventually(lambda: len(find(f"{home.instance}:")) >= 3)
    first = asyncio.ensure_future(worker.handle("lead", Withdraw("run-1", "session-dev", 1)))
    await asyncio.sleep(0)
    await worker._stop()
    assert find(f"{home.instance}:") == []
    await first


async def test_the_same_assignment_twice_runs_once(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    worker = hire(f"echo ran >> {tmp_path}/count; echo hi > new.txt")
    run = a_run(sample.sha("main"))
    worker.handle("lead", Assign(run))
    worker.handle("lead", Assign(run))
    await reported(office)
    worker.handle("lead", Assign(run))
    worker.handle("lead", Assign({**run, "epoch": 0}))
    await office.until(lambda: len(office.of(WorkerEvent)) == 2)
    assert worker.run == ""
    assert (tmp_path / "count").read_text() == "ran\n"
    assert len(office.of(Report)) == 1


async def test_a_new_epoch_of_the_same_run_begins_again(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path, home: Home
) -> None:
    gate = tmp_path / "gate"
    worker = hire(f"echo hi > new.txt; until [ -e {gate} ]; do sleep 0.02; done")
    run = a_run(sample.sha("main"))
    worker.handle("lead", Assign(run))
    await eventually(lambda: find(f"{home.instance}:"))
    worker.handle("lead", Assign({**run, "epoch": 2}))
    gate.touch()
    report = await reported(office)
    assert report.epoch == 2
    assert worker.run in ("", "run-1")
    assert [each.epoch for each in office.of(Report)] == [2]


async def test_a_report_that_cannot_be_taken_now_is_made_again(
    hire: Hire, office: Office, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    pause = asyncio.sleep
    monkeypatch.setattr("maestro_ray.actors.mail.asyncio.sleep", lambda _seconds: pause(0))
    errors: list[Any] = [JournalBroken("x", "disk is full"), JournalBroken("x", "disk is full")]
    office.replies[Report] = lambda *_: errors.pop() if errors else 1
    worker = hire("echo hi > new.txt")
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: "run.ended" in kinds(office))
    assert len(office.of(Report)) == 3


# ── steering ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_directive_into_the_running_turn_is_receipted_as_such(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    worker = hire(
        script(tmp_path, '{ say = "ready" }', '{ until = "go" }', '{ edit = "new.txt", text = "x" }')
    )
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: any("ready" in text.text for text in office.of(Text)))
    await worker.handle("channel", Directive("d1", "mind the API"))
    await office.until(lambda: office.of(Delivered))
    assert office.of(Delivered, "slot-channel") == [Delivered("dev-1", "d1", "in-turn")]
    (worker._bench._path() / "go").touch()
    await reported(office)
    assert len(office.of(Delivered)) == 1


@pytest.mark.parametrize("steering", ["next-turn", "restart-with-resume"])
async def test_who_takes_no_directive_while_it_works_hears_it_in_another_turn(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path, steering: str
) -> None:
    """Red without `_unheard` in the worker; the second also without `_cut_short` in `Turn.steer`: nobody says go."""
    spec = script(
        tmp_path, '{ say = "ready" }', '{ until = "go" }',
        """{ run = 'cp "$MAESTRO_PROMPT_FILE" new.txt' }""", steering=steering,
    )  # fmt: skip
    worker = hire(spec)
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: any("ready" in text.text for text in office.of(Text)))
    await worker.handle("channel", Directive("d1", "mind the API"))
    if steering == "next-turn":
        assert office.of(Delivered) == []
    else:
        await office.until(lambda: office.of(Delivered))
    (worker._bench._path() / "go").touch()
    body = (await reported(office)).body
    assert office.of(Delivered) == [Delivered("dev-1", "d1", steering)]
    assert "mind the API" in sample.git("show", f"{body['result']['commit']}:new.txt")
    await office.until(lambda: "run.ended" in kinds(office))
    assert kinds(office) == ["run.started", "run.ended"]


async def test_a_directive_that_is_cleared_meanwhile_costs_no_other_turn(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    worker = hire(script(tmp_path, '{ say = "ready" }', '{ until = "go" }', steering="next-turn"))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: any("ready" in text.text for text in office.of(Text)))
    await worker.handle("channel", Directive("d1", "mind the API"))
    worker.handle("channel", DirectivesCleared(()))
    (worker._bench._path() / "go").touch()
    await reported(office)
    assert office.of(Delivered) == []
    assert sum(text.text.count("ready") for text in office.of(Text)) == 1


async def test_a_directive_while_the_agent_is_being_started_is_not_lost(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    worker = hire(script(tmp_path, '{ until = "go" }', '{ edit = "new.txt", text = "x" }'))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    async with asyncio.timeout(60):
        while worker._turn is None:
            await asyncio.sleep(0)
    assert worker._turn._process is None
    await worker.handle("channel", Directive("d1", "mind the API"))
    await office.until(lambda: office.of(Delivered))
    assert office.of(Delivered)[0].how == "in-turn"
    (worker._bench._path() / "go").touch()
    await reported(office)


async def test_a_directive_while_idle_is_in_every_later_prompt(
    hire: Hire, office: Office, sample: Sample
) -> None:
    worker = hire('cat "$MAESTRO_PROMPT_FILE"', "review")
    await worker.handle("channel", Directive("d1", "mind the API"))
    assert office.of(Delivered) == []
    for number in (1, 2):
        run = a_run(sample.sha("main"), "review", id=f"run-{number}")
        worker.handle("lead", Assign(run))
        output = (await reported(office, count=number)).body["result"]["output"]
        assert "[OPERATOR STEERING]" in output
        assert "mind the API" in output
    assert office.of(Delivered) == [Delivered("review-1", "d1", "next-turn")]


async def test_nothing_begins_before_the_channel_has_told_what_holds(
    hire: Hire, office: Office, sample: Sample
) -> None:
    """A channel that has no part yet refuses, and is asked again; once in a life is enough."""
    worker = hire('grep -A 4 "OPERATOR STEERING" "$MAESTRO_PROMPT_FILE"', "review")
    await worker.handle("channel", Directive("d2", "the newer"))
    asked: list[asyncio.Future[None]] = []

    def answer(_to: str, _message: WhatHolds) -> Exception | list[str]:
        asked.append(asyncio.ensure_future(worker.handle("channel", Directive("d1", "the older"))))
        return IllegalEvent("slot", "blank", "WhatHolds") if len(asked) == 1 else ["d1", "d2"]

    office.replies[WhatHolds] = answer
    for number in (1, 2):
        worker.handle("lead", Assign(a_run(sample.sha("main"), "review", id=f"run-{number}")))
        output = (await reported(office, count=number)).body["result"]["output"]
        assert "1. the older\n2. the newer\n" in output
    assert office.of(WhatHolds, "slot-channel") == [WhatHolds("review-1")] * 2


async def test_a_directive_told_again_is_receipted_again(hire: Hire, office: Office, sample: Sample) -> None:
    """The channel may have died before it had the receipt."""
    worker = hire("echo ok", "review")
    await worker.handle("channel", Directive("d1", "x"))
    await worker.handle("channel", Directive("d1", "x"))
    assert office.of(Delivered) == []
    worker.handle("lead", Assign(a_run(sample.sha("main"), "review")))
    await reported(office)
    await worker.handle("channel", Directive("d1", "x"))
    await office.until(lambda: len(office.of(Delivered)) == 2)
    assert office.of(Delivered)[0] == office.of(Delivered)[1]


async def test_cleared_directives_are_in_no_prompt_and_kept_ones_are(
    hire: Hire, office: Office, sample: Sample
) -> None:
    worker = hire('cat "$MAESTRO_PROMPT_FILE"', "review")
    await worker.handle("channel", Directive("d1", "an old wish"))
    await worker.handle("channel", Directive("d2", "a lasting wish"))
    worker.handle("channel", DirectivesCleared(("d2",)))
    worker.handle("lead", Assign(a_run(sample.sha("main"), "review")))
    output = (await reported(office)).body["result"]["output"]
    assert "a lasting wish" in output
    assert "an old wish" not in output


async def test_what_is_not_for_a_worker_is_refused(hire: Hire) -> None:
    with pytest.raises(IllegalEvent):
        hire("true").handle("x", Roster())


async def test_on_a_full_disk_no_agent_is_started_again_and_again(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each turn of an agent costs money. Red (three turns more) without the look at `no_room` before a turn."""
    monkeypatch.setattr("maestro_ray.room.PAUSE", 0.01)
    # after the first turn, and at three looks afterwards
    full = iter(["", "full", "full", "full", "full"])
    monkeypatch.setattr(Workbench, "no_room", lambda _bench: next(full, ""))
    turns = tmp_path / "turns"
    hire(f"echo turn >> {turns}; [ $(wc -l < {turns}) -gt 1 ] || exit 1; echo hi > new.txt").handle(
        "lead", Assign(a_run(sample.sha("main")))
    )
    await reported(office)
    assert turns.read_text().count("turn") == 2
    assert [each.body["reason"] for each in office.of(Post) if each.kind == "run.paused"] == ["full"] * 4


# ── unlucky orders ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_directive_while_a_verdict_is_asked_for_again_is_heard(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    """Red (told as delivered, and in no prompt) when `unclear.again` leaves the directives out."""
    go, prompts = tmp_path / "go", tmp_path / "prompts"
    wait = f"until [ -e {go} ]; do sleep 0.02; done; rm {go}"
    text = f"""{{ run = 'cat "$MAESTRO_PROMPT_FILE" >> {prompts}; echo :end: >> {prompts}; {wait}' }}"""
    worker = hire(script(tmp_path, text, steering="next-turn"), "review")
    worker.handle("lead", Assign(a_run(sample.sha("main"), "review")))

    async def turn(number: int) -> None:
        await eventually(lambda: prompts.exists() and prompts.read_text().count(":end:") == number)

    await turn(1)
    go.touch()
    await turn(2)
    assert "verdict.unclear" in kinds(office)
    await worker.handle("channel", Directive("d1", "mind the API"))
    go.touch()
    await turn(3)
    go.touch()
    await reported(office)
    assert office.of(Delivered) == [Delivered("review-1", "d1", "next-turn")]
    assert "mind the API" in prompts.read_text().split(":end:")[2]


async def test_what_is_withdrawn_before_it_began_is_not_charged_for_the_one_before(
    hire: Hire, office: Office, sample: Sample, tmp_path: Path
) -> None:
    """Red (used twice: by the first, and by the second) when `_withdraw` takes whichever purse is there."""
    worker = hire(script(tmp_path, "{ usage = { input = 10, cost = 0.6 } }", "{ until = 'never' }"))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: office.of(Spent))
    first = worker.handle("lead", Withdraw("run-1", "session-dev", 1))
    worker.handle("lead", Assign(a_run(sample.sha("main"), id="run-2")))
    second = worker.handle("lead", Withdraw("run-2", "session-dev", 1))
    await asyncio.gather(first, second)
    assert [report.run for report in office.of(Report) if report.action == "spent"] == ["run-1"]


def hook(event: str, text: str) -> Equipment:
    found = Hook(event, ("sh", "-c", text), Path("/"))
    return Equipment(hooks=(Found(event, Origin("user"), Path("/config.toml"), found),))


async def test_the_hook_of_a_runs_end_is_not_cut_by_the_next_run(
    hire: Hire, office: Office, sample: Sample, home: Home, tmp_path: Path
) -> None:
    """Studio hands out the next as soon as it has the report. Red when `_work` ends whoever is `_leaving`."""
    ended = tmp_path / "ended"
    equipment = hook("RunEnd", f"sleep 0.4; echo x >> {ended}")
    worker = hire("echo x > new.txt", equipment=equipment, state=(str(home.root),))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: "run.ended" in kinds(office))
    worker.handle("lead", Assign(a_run(sample.sha("main"), id="run-2")))
    await reported(office, count=2)
    await eventually(lambda: ended.exists() and ended.read_text() == "x\nx\n")


async def test_hooks_of_a_runs_last_tools_are_run_after_it(
    hire: Hire, office: Office, sample: Sample, home: Home, tmp_path: Path
) -> None:
    """Red (they are left out, and nobody hears of it) without `rest` in `_work`."""
    ended = tmp_path / "ended"
    equipment = hook("PostToolUse", f"until [ -e {tmp_path}/on ]; do sleep 0.02; done; echo x >> {ended}")
    spec = script(tmp_path, "{ run = 'true' }", "{ edit = 'new.txt', text = 'x' }")
    worker = hire(spec, equipment=equipment, state=(str(home.root),))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: "run.ended" in kinds(office))
    (tmp_path / "on").touch()
    await eventually(lambda: ended.exists() and ended.read_text() == "x\nx\n")


async def test_hooks_that_hang_hold_up_the_next_run_for_a_while_and_that_is_said(
    hire: Hire, office: Office, sample: Sample, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red (it waits for as long as they hang) without the time in `Hooking.rest`."""
    monkeypatch.setattr("maestro_ray.actors.hooking.RUN_OVER", 0.1)
    equipment = hook("PostToolUse", "sleep 600")
    worker = hire(
        script(tmp_path, "{ edit = 'new.txt', text = 'x' }"), equipment=equipment, state=(str(home.root),)
    )
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await office.until(lambda: "hook.failed" in kinds(office))
    worker.handle("lead", Assign(a_run(sample.sha("main"), id="run-2")))
    await office.until(lambda: kinds(office).count("run.started") == 2)


async def test_stopped_a_worker_leaves_no_hook_behind(
    hire: Hire, office: Office, sample: Sample, home: Home, tmp_path: Path
) -> None:
    """Red (it goes on in a slot that may be another team's by then) when only a run that ends closes its hooks."""
    began, ended = tmp_path / "began", tmp_path / "ended"
    equipment = hook("PostToolUse", f"touch {began}; sleep 20; touch {ended}")
    spec = script(tmp_path, "{ run = 'true' }", "{ until = 'never' }")
    worker = hire(spec, equipment=equipment, state=(str(home.root),))
    worker.handle("lead", Assign(a_run(sample.sha("main"))))
    await eventually(began.exists)
    await worker.close()
    assert worker._hooking._following is not None
    assert worker._hooking._following.done()
    assert not ended.exists()
