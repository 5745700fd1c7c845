"""Each promise is seen when it is broken: the fault is planted into what agents, hooks, Studio and git have noted."""

from __future__ import annotations

import json

import pytest
from chaos import promises
from chaos.agent import TOKENS
from chaos.goals import CAP, Goals, Said
from chaos.planted import change, commit, empty_studio, row
from e2e.machine import Machine

RUN, TEAM = "run-1", "bot-1"
TEXT = "Directive 1 of the operator"


@pytest.fixture
def work(tmp_path):
    """One task was made by an agent that asked for leave and used tokens, approved by two, merged and released."""
    work = Goals.on(Machine(tmp_path))
    empty_studio(work)
    row(work, "projects", id="project-1", key="k", name="p")
    row(work, "teams", id="team-1", project_id="project-1", name=TEAM, workspace="w", status="ended")
    row(work, "plans", id="plan-1", project_id="project-1", title="Plan 1", status="completed")
    merged(work, "Task 0 of plan 1", "Release: Plan 1")
    head = work.machine.git(work.repo, "rev-parse", "side").strip()
    row(work, "tasks", id="task-0", plan_id="plan-1", key="p1-t0", title="Task 0 of plan 1", status="completed",
        approved=head)  # fmt: skip
    used(work, RUN, TOKENS)
    for number in (1, 2):
        name = f"review-{number}"
        row(work, "sessions", id=name, project_id="project-1", name=name)
        row(work, "runs", id=f"{name}-run", project_id="project-1", session_id=name, state="succeeded")
        row(work, "verdicts", id=f"verdict-{number}", task_id="task-0", run_id=f"{name}-run", commit=head,
            verdict="APPROVED")  # fmt: skip
    (work.heard_by_hooks / "PreMerge-1.json").write_text(json.dumps({"commit": head}))
    card(work, "card-1", "allow")
    told(work, "card-1")
    row(work, "messages", team_id="team-1", number=1, kind="directive", body={"text": TEXT})
    work.directives.append(Said(TEXT, 9.0, 10.0, (TEAM,)))
    life(work, "agent", prompt(20.0, TEXT), note(21.0, "using"), note(22.0, "used"),
         note(23.0, "allowed", command="publish p1-t0"), note(24.0, "end"))  # fmt: skip
    return work


def merged(work, title, release):
    git = work.machine.git
    git(work.repo, "checkout", "-q", "-b", "side")
    commit(work, "p1-t0.txt", title)
    git(work.repo, "checkout", "-q", "main")
    someone = ("-c", "user.name=a", "-c", "user.email=a@b")
    git(work.repo, *someone, "merge", "-q", "--no-ff", "-m", f"Merge: {title}", "side")
    commit(work, "x", release)


def used(work, run, tokens):
    """A run, and what it used in every account."""
    sums = {"input_tokens": tokens - 10, "output_tokens": 10}
    row(
        work,
        "runs",
        id=run,
        project_id="project-1",
        plan_id="plan-1",
        purpose="execute",
        state="succeeded",
        **sums,
    )
    row(work, "bills", run_id=run, meter="m", model="", day="2026-01-01", project_id="project-1", team_id="team-1",
        user_id="user", **sums)  # fmt: skip
    row(work, "spent", project_id="project-1", plan_id="", **sums)
    for scope in (f"run:{run}", "team:team-1", "day:user:2026-01-01"):
        row(work, "purses", scope=scope, tokens=tokens)


def card(work, name, answer, kind="permission"):
    row(work, "decisions", id=name, project_id="project-1", run_id=RUN, kind=kind, question="?", options=[],
        status="answered", answer=answer, about={"request": name})  # fmt: skip


def told(work, request):
    """The audit log of one answer."""
    count = len(work.rows("SELECT id FROM audit"))
    row(work, "audit", id=f"audit-{count}", project_id="project-1", user_id="user", action="permission",
        subject=f"cli-runs/{RUN}", detail={"request": request, "by": "operator"})  # fmt: skip


def note(at, what, **more):
    return {"at": at, "what": what, **more}


def prompt(at, *directives, what="prompt"):
    return note(at, what, directives=directives)


def life(work, name, *notes):
    born = note(1.0, "born", run=RUN, team="team-1", worktree=f"/w/{TEAM}/dev-1")
    lines = [json.dumps(each) + "\n" for each in (born, *notes)]
    (work.notes / f"{name}.jsonl").write_text("".join(lines))


def test_what_went_as_it_should_breaks_no_promise(work):
    assert promises.broken(work) == []


FAULTS = {
    "a second release": ("released", lambda work: commit(work, "y", "Release: Plan 1")),
    "two plans of a goal": ("released", lambda work: (
        row(work, "plans", id="p2", project_id="project-1", title="Plan 1 again", status="completed"),
        commit(work, "y", "Release: Plan 1 again"))),
    "another commit than the approved one": ("approved", lambda work: change(work, "UPDATE tasks SET approved = 'c'")),
    "one reviewer for two": ("approved", lambda work: change(work, "UPDATE sessions SET name = 'review-1'")),
    "no hook": ("approved", lambda work: (work.heard_by_hooks / "PreMerge-1.json").unlink()),
    "an answer to an answered card": ("answered", lambda work: work.twice.append("?: allow, then deny")),
    "an answer that counted twice": ("answered", lambda work: told(work, "card-1")),
    "a card for nobody": ("answered", lambda work: work.orphans.setdefault("card-1", 1.0)),
    "leave nobody gave": ("leave", lambda work: change(work, "UPDATE decisions SET answer = 'deny'")),
    "leave that a hook denies": ("leave", lambda work: life(
        work, "other", prompt(20.0, TEXT), note(23.0, "allowed", command="forbidden p1-t1"))),
    "a run that was not billed": ("ledger", lambda work: change(work, "UPDATE runs SET output_tokens = 20 WHERE id = 'review-1-run'")),
    "a purse that counted twice": ("ledger", lambda work: change(
        work, "UPDATE purses SET tokens = 2 * tokens WHERE scope LIKE 'team:%'")),
    "tokens of nobody": ("ledger", lambda work: change(work, "UPDATE spent SET input_tokens = 0")),
    "tokens kept for a run that is over": ("ledger", lambda work: row(work, "reservations", run_id=RUN)),
    "a cap raised by nobody": ("raised", lambda work: change(
        work, f"UPDATE purses SET more_tokens = {CAP} WHERE scope LIKE 'team:%'")),
    "an answer that raised nothing": ("raised", lambda work: card(work, "card-2", "raise", "budget")),
    "what was used and not told": ("spent", lambda work: life(
        work, "other", prompt(20.0, TEXT), note(21.0, "using"), note(22.0, "used"))),
    "what was told twice": ("spent", lambda work: life(work, "agent", prompt(20.0, TEXT))),
    "a directive that is gone": ("kept", lambda work: change(work, "DELETE FROM messages")),
    "a directive told twice": ("kept", lambda work: row(
        work, "messages", team_id="team-1", number=2, kind="directive", body={"text": TEXT})),
    "a directive given twice": ("directed", lambda work: life(
        work, "other", prompt(20.0, TEXT), prompt(21.0, TEXT, what="heard"))),
    "a directive not given": ("directed", lambda work: life(work, "other", prompt(20.0), note(24.0, "end"))),
    "a directive that was cleared": ("directed", lambda work: work.cleared.append((11.0, 12.0, (TEAM,)))),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_breach_is_seen_as_what_it_is(work, name):
    kind, plant = FAULTS[name]
    plant(work)
    found = promises.broken(work)
    assert found
    assert {each.partition(":")[0] for each in found} == {kind}, found


def test_what_a_worker_used_shortly_before_it_was_killed_may_be_unknown(work):
    life(work, "other", prompt(20.0, TEXT), note(21.0, "using"), note(22.0, "used"))
    work.killed.append((23.0, "worker"))
    assert promises.broken(work) == []
    work.killed[:] = [(40.0, "worker")]
    assert len(promises.broken(work)) == 1
