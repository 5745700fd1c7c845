"""The lead's runs on a real repository: each does its part once, also when it is done again, and harms no checkout."""

from __future__ import annotations

import asyncio
import subprocess

import pytest
from workspace.sample import Sample, committer, fingerprint

from maestro_ray import room
from maestro_ray.actors.lead_work import LeadWork
from maestro_ray.actors.outcome import Outcome
from maestro_ray.agent.sweep import find
from maestro_ray.home import Home
from maestro_ray.limits_table import LimitsTable
from maestro_ray.testing import eventually

from .parts import a_lead, a_lead_run, a_run

EPIC = "epic/a-plan-1"


@pytest.fixture
def work(home: Home, sample: Sample) -> LeadWork:
    return LeadWork(a_lead(home, sample.path))


async def done(work: LeadWork, purpose: str, epic_head: str = "", **changes: object) -> Outcome:
    return await work.do(a_lead_run(purpose, epic_head, **changes))


async def begun(work: LeadWork) -> str:
    """The epic's first commit."""
    return str((await done(work, "bootstrap_epic")).body["result"]["commit"])


async def merge(work: LeadWork, commit: str, epic: str, **told: object) -> Outcome:
    return await work.do(a_run(epic, "merge", commit=commit, plan=a_lead_run("merge", epic)["plan"], **told))


async def merged(work: LeadWork, sample: Sample, **files: str) -> str:
    """An epic with one task merged; its tip."""
    epic = await begun(work)
    side = sample.side("task/add-it", epic, **(files or {"new.txt": "new\n"}))
    return str((await merge(work, side, epic)).body["result"]["merge"])


def parents(sample: Sample, commit: str) -> list[str]:
    return sample.git("log", "-1", "--format=%P", commit).split()


# ── the epic and its merges ──────────────────────────────────────────────────────────────────────────────────────


async def test_an_epic_begins_with_an_empty_commit_of_ours(work: LeadWork, sample: Sample) -> None:
    commit = await begun(work)
    assert sample.sha(EPIC) == commit
    assert parents(sample, commit) == [sample.sha("main")]
    assert sample.files(commit) == sample.files("main")
    assert "[BOOTSTRAP plan-id]" in sample.git("log", "-1", "--format=%B", commit)
    assert (
        committer(sample, commit) == "maestro <maestro@maestro.invalid> | maestro <maestro@maestro.invalid>"
    )


async def test_a_second_bootstrap_finds_the_first_also_when_the_base_has_moved(
    work: LeadWork, sample: Sample
) -> None:
    commit = await begun(work)
    sample.commit("meanwhile", other="x\n")
    assert await begun(work) == commit
    assert sample.git("rev-list", "--count", f"main..{EPIC}") == "1"


async def test_exactly_the_reviewed_commit_is_merged(work: LeadWork, sample: Sample) -> None:
    epic = await begun(work)
    reviewed = sample.side("task/add-it", epic, **{"new.txt": "reviewed\n"})
    sample.git("branch", "-f", "task/add-it", sample.side("later", reviewed, **{"new.txt": "unreviewed\n"}))
    outcome = await merge(work, reviewed, epic)
    commit = outcome.body["result"]["merge"]
    assert parents(sample, commit) == [epic, reviewed]
    assert sample.files(EPIC)["new.txt"] == "reviewed\n"
    trailers = sample.git("log", "-1", "--format=%(trailers:only,unfold)", commit)
    assert "Maestro-Task: task-id" in trailers
    assert "Maestro-Session: session-lead" in trailers


async def test_a_second_merge_of_the_same_changes_nothing(work: LeadWork, sample: Sample) -> None:
    epic = await begun(work)
    side = sample.side("task/add-it", epic, **{"new.txt": "x\n"})
    first = (await merge(work, side, epic)).body["result"]["merge"]
    again = await merge(work, side, epic)
    assert again.body["result"]["merge"] == first
    assert "already" in again.summary
    assert sample.git("rev-list", "--count", "--merges", EPIC) == "1"


async def test_a_merge_that_was_aborted_unheard_is_neither_in_the_way_nor_in_the_release(
    work: LeadWork, sample: Sample
) -> None:
    epic = await begun(work)
    aborted = sample.side("task/aborted", epic, **{"new.txt": "aborted\n"})
    other = sample.side("task/other", epic, **{"new.txt": "other\n"})
    await merge(work, aborted, epic)
    outcome = await merge(work, other, epic, cut=[aborted])
    tip = outcome.body["result"]["merge"]
    assert parents(sample, tip) == [epic, other]
    assert "in place of" in outcome.summary
    assert "never reported" in outcome.summary
    # one more, unheard again, and no merge after it: the release is of what Studio knows
    unheard = sample.side("task/unheard", epic, **{"unheard.txt": "x\n"})
    await merge(work, unheard, tip)
    released = (await done(work, "release", tip)).body["result"]["commit"]
    assert sample.files(released)["new.txt"] == "other\n"
    assert "unheard.txt" not in sample.files(released)


async def test_commits_on_the_epic_that_nobody_reviewed_are_held_with_the_way_back(
    work: LeadWork, sample: Sample
) -> None:
    epic = await begun(work)
    reviewed = sample.side("task/add-it", epic, new="x")
    foreign = sample.side("elsewhere", epic, evil="x")
    sample.git("update-ref", f"refs/heads/{EPIC}", foreign)
    outcome = await merge(work, reviewed, epic)
    assert (outcome.action, outcome.body["hold"]) == ("fail", True)
    assert "holds commits that nobody has reviewed" in outcome.body["reason"]
    assert sample.sha(EPIC) == foreign
    subprocess.run(outcome.body["reason"].partition("To put it back: ")[2], shell=True, check=True)
    assert (await merge(work, reviewed, epic)).action == "complete"


async def test_a_conflict_is_a_failure_that_names_it_and_moves_nothing(
    work: LeadWork, sample: Sample
) -> None:
    tip = await merged(work, sample, **{"a.txt": "theirs\n"})
    other = sample.side("task/other", f"{tip}^1", **{"a.txt": "mine\n"})
    outcome = await merge(work, other, tip)
    assert (outcome.action, outcome.body["reason"]) == ("fail", "MERGE CONFLICT in a.txt")
    assert sample.sha(EPIC) == tip


# ── the release ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_base_that_is_not_checked_out_is_moved(work: LeadWork, sample: Sample) -> None:
    base, tip = sample.sha("main"), await merged(work, sample)
    sample.git("switch", "-q", "-c", "mine")
    before = fingerprint(sample)
    outcome = await done(work, "release", tip)
    commit = outcome.body["result"]["commit"]
    assert outcome.body["result"]["how"] == "moved ref"
    assert sample.sha("main") == commit
    assert parents(sample, commit) == [base, tip]
    assert "[RELEASE plan-id]" in sample.git("log", "-1", "--format=%B", commit)
    assert fingerprint(sample) == before


async def test_a_clean_checkout_of_the_base_is_forwarded_and_that_is_said(
    work: LeadWork, sample: Sample
) -> None:
    tip = await merged(work, sample)
    outcome = await done(work, "release", tip)
    assert outcome.summary == f"main: fast-forwarded {sample.path}"
    assert (sample.path / "new.txt").read_text() == "new\n"
    assert sample.git("status", "--porcelain") == ""


async def test_a_dirty_checkout_waits_with_the_reason_and_the_command(work: LeadWork, sample: Sample) -> None:
    base, tip = sample.sha("main"), await merged(work, sample)
    sample.write("a.txt", "edited\n")
    before = fingerprint(sample)
    outcome = await done(work, "release", tip)
    assert outcome.body["hold"]
    assert "1 uncommitted change (a.txt)" in outcome.body["reason"]
    command = outcome.body["reason"].partition("To finish by hand: ")[2]
    assert fingerprint(sample) == before
    assert sample.sha("main") == base

    sample.git("stash", "-q")
    sample.git("gc", "-q", "--prune=now")  # the command must outlive a collection
    await asyncio.to_thread(sample.git, *command.split()[3:])
    assert (sample.path / "new.txt").is_file()
    again = await done(work, "release", tip)
    assert (again.action, again.body["result"]["how"]) == ("complete", "already there")


async def test_a_red_release_leaves_the_base_and_shows_why(work: LeadWork, sample: Sample) -> None:
    base, tip = sample.sha("main"), await merged(work, sample)
    before = fingerprint(sample)
    outcome = await done(work, "release", tip, plan={"test": "echo broken here; test ! -e new.txt"})
    assert outcome.body["hold"]
    assert "exit code 1" in outcome.body["reason"]
    assert "broken here" in outcome.body["reason"]
    assert sample.sha("main") == base
    assert fingerprint(sample) == before


async def test_a_test_that_is_red_on_a_full_disk_says_nothing_of_the_release(
    work: LeadWork, sample: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever gets this error pauses and tries again. Red without the look at the disk in `LeadWork._test`."""
    tip = await merged(work, sample)
    monkeypatch.setattr(room, "missing_at", lambda place: f"the disk of {place} is full")
    with pytest.raises(OSError, match="No space left") as caught:
        await done(work, "release", tip, plan={"test": "false"})
    assert room.missing(caught.value)
    assert (await done(work, "release", tip, plan={"test": "true"})).action == "complete"


async def test_a_release_whose_test_met_a_limit_says_which(
    work: LeadWork, sample: Sample, home: Home
) -> None:
    """Red without the line about `ended.limit` in `LeadWork._test`."""
    tip = await merged(work, sample)
    bounded = LeadWork(a_lead(home, sample.path, limits=LimitsTable(file_size=4096)))
    outcome = await done(
        bounded, "release", tip, plan={"test": "dd if=/dev/zero of=x bs=1k count=9; exit $?"}
    )
    assert "(exit code 153: it reached its limit of 4 KiB for a file" in outcome.body["reason"]


async def test_a_green_release_was_tested_as_it_will_be(work: LeadWork, sample: Sample) -> None:
    tip = await merged(work, sample)
    sample.commit("meanwhile", **{"theirs.txt": "x\n"})
    outcome = await done(work, "release", tip, plan={"test": "test -e new.txt && test -e theirs.txt"})
    assert outcome.action == "complete"


async def test_a_conflict_with_the_base_is_held_with_the_way_out(work: LeadWork, sample: Sample) -> None:
    tip = await merged(work, sample, **{"a.txt": "epic\n"})
    base = sample.commit("meanwhile", **{"a.txt": "base\n"})
    outcome = await done(work, "release", tip)
    assert outcome.body["hold"]
    assert f"git -C {sample.path} merge --no-ff {tip}" in outcome.body["reason"]
    assert sample.sha("main") == base


async def test_a_second_release_after_a_cut_finds_the_first(work: LeadWork, sample: Sample) -> None:
    tip = await merged(work, sample)
    first = (await done(work, "release", tip)).body["result"]["commit"]
    again = await done(work, "release", tip)
    assert again.body["result"] == {"commit": first, "how": "already there"}
    assert sample.git("rev-list", "--count", "--merges", "--first-parent", "main") == "1"


async def test_nothing_merged_is_nothing_to_release(work: LeadWork, sample: Sample) -> None:
    base, epic = sample.sha("main"), await begun(work)
    assert (await done(work, "release", epic, merged=0)).action == "complete"
    assert sample.sha("main") == base


async def test_a_release_that_is_stopped_leaves_no_test_running(
    work: LeadWork, sample: Sample, home: Home
) -> None:
    tip = await merged(work, sample)
    releasing = asyncio.create_task(done(work, "release", tip, plan={"test": "setsid sleep 60 & sleep 60"}))
    await eventually(lambda: len(find(f"{home.instance}:")) >= 3)
    releasing.cancel()
    await asyncio.gather(releasing, return_exceptions=True)
    # a start that is cut leaves the end to the shim, which has up to two seconds
    await eventually(lambda: not find(f"{home.instance}:"))


# ── cleaning up ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_merged_branches_go_and_others_stay(work: LeadWork, sample: Sample, home: Home) -> None:
    tip = await merged(work, sample)
    abandoned = sample.side("task/abandoned", tip, **{"half.txt": "half\n"})
    await done(work, "release", tip)
    for _ in range(2):
        outcome = await done(
            work, "release_cleanup", tip, branches=["task/add-it", "task/abandoned", "task/never"]
        )
    assert outcome.body["result"] == {"deleted": 0, "kept": 1}
    assert sample.sha("task/abandoned") == abandoned
    names = sample.git("for-each-ref", "--format=%(refname)").split("\n")
    assert names == ["refs/heads/main", "refs/heads/task/abandoned"]
    assert list(home.worktrees.glob("*/lead-*")) == []


async def test_an_epic_with_work_in_it_that_was_not_released_stays(work: LeadWork, sample: Sample) -> None:
    tip = await merged(work, sample)
    await done(work, "release_cleanup", tip, branches=["task/add-it"])
    assert sample.sha(EPIC) == tip
    assert sample.sha("task/add-it")


async def test_an_epic_that_nothing_was_merged_into_goes(work: LeadWork, sample: Sample) -> None:
    epic = await begun(work)
    await done(work, "release_cleanup", epic, merged=0)
    assert sample.git("branch", "--list", EPIC) == ""


async def test_a_lead_does_no_workers_work(work: LeadWork) -> None:
    outcome = await done(work, "review")
    assert outcome.body["retryable"] is False
