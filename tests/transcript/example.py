"""A document with everything in it, each text of others the same one, for the forms to be tried on."""

from __future__ import annotations

from maestro_ray.transcript import document as d

AT = "2026-11-23T06:23:42.123Z"


def usage(**values):
    return d.Usage(**{"input_tokens": 1200, "output_tokens": 30, "cost_usd": 0.5, "runs": 1, **values})


def run(text, **values):
    kept = {
        "id": "r1", "purpose": "execute", "state": "succeeded", "attempt": 1, "worker": text, "commit": "c" * 40,
        "note": text, "summary": text, "reason": text, "files": [text],
        "evidence": d.Evidence(command=text, exit_code=1, counts={text: 2}),
        "output": d.Long(text=text, left_out=7), "created_at": AT, "started_at": AT, "finished_at": None,
        "usage": usage(),
    }  # fmt: skip
    return d.Run(**{**kept, **values})


def task(text):
    verdict = d.Verdict(
        id="v", at=AT, worker=text, run="r1", commit="c" * 40, verdict="REJECTED", reason=text, evidence=None
    )
    patch = f"--- a/x\n+++ b/x\n@@ -1 +1 @@\n-{text}\n+{text}\n"
    diff = d.Diff(what=text, base="b" * 40, commit="c" * 40, files=1, insertions=1, patch=d.Long(text=patch))
    missing = d.Diff(what="merged", base="b" * 40, commit="c" * 40, missing=text)
    return d.Task(
        id="t1", key=text, title=text, description=text, status="completed", role=text, depends_on=[text],
        branch=text, base_commit="", merged="m" * 40, attempts=1, revisions=1, created_at=AT, finished_at=AT,
        runs=[run(text)], verdicts=[verdict], comments=[d.Comment(at=AT, author=text, body=text)],
        diffs=[diff, missing],
    )  # fmt: skip


def plan(text):
    return d.Plan(
        id="p1", title=text, description=text, status="completed", base_branch=text, epic_branch=text,
        released="f" * 40, reviewers=1, review_policy="all", created_at=AT, completed_at=AT, tasks=[task(text)],
        runs=[run(text, purpose="release")],
    )  # fmt: skip


def cost(text):
    share = d.Share(name=text, **usage().model_dump())
    asked = d.Raise(at=AT, by=text, answer="raise", question=text)
    return d.Cost(
        total=usage(), burn="$0.50 of $1.00", roles=[share], models=[share], tasks=[share],
        caps={"team_usd": 1.0, "run_tokens": 5000.0}, cap_usd=2.0, answers=[asked],
    )  # fmt: skip


def transcript(text="Plain words"):
    card = d.Card(
        id="k", kind="budget", about=text, question=text, options=[text], status="answered", answer=text,
        reason=text, asked_at=AT, answered_at=AT, answered_by=text,
    )  # fmt: skip
    receipt = d.Receipt(worker=text, state="delivered", how="in-turn", at=AT)
    directive = d.Directive(id="x", at=AT, text=text, state="active", receipts=[receipt])
    member = d.Member(session="s1", name=text, role=text, status="ended", joined_at=AT, left_at=None)
    return d.Transcript(
        exported_at=AT, maestro="1.0", scope=d.Scope(kind="team", id="t", name=text),
        project=d.Project(id="p", key=text),
        team=d.Team(id="t", name=text, status="ended", goal=text, started_at=AT, ended_at=AT), members=[member],
        notes=[text], cost=cost(text), directives=[directive], decisions=[card], plans=[plan(text)], runs=[run(text)],
    )  # fmt: skip


def messages(text="Plain words"):
    return [d.Message(number=1, at=AT, sender=text, kind="post", text=text, body={"text": text})]


# what would like to be more than text, each in its own way
HOSTILE = (
    "```\n# A heading\n",
    "~~~\n````\n`````text\nx",
    "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "</pre></details><h1>x</h1>",
    "\x1b[31mred\x1b[0m\x1b]8;;http://x\x07link\x1b[2J",
    "a\u202eb\u2066c\u200b\ufeff\u2028d",
    "nul \x00 and \x9b and \x85",
    "lone \ud800 and \udfff",
    "| a | b |\n|---|---|\n| c | d |",
    "- [ ] x\n1. y\n+ z\n===\n---",
    "[x](javascript:alert(1)) ![y](http://example.com/z.png) <http://example.com>",
    "&lt;b&gt; &#60;i&#62; &amp;",
    "@somebody see #1 and **bold** __under__ `code` $x^2$",
    "{{ 7 * 7 }} {% raw %} ]]> -->",
    "\\`\\\\` \\",
    "    indented\n\ttab\n> quote",
    "",
    "x" * 5000,
    "\r\n\r\rline",
)


# ── rows of a Studio ─────────────────────────────────────────────────────────────────────────────────────────────────

TEAM = "00000000-0000-7000-8000-00000000fea3"
SESSION = "00000000-0000-7000-8000-0000000aa001"
RUN = "00000000-0000-7000-8000-0000000bb002"
CARD = "00000000-0000-7000-8000-00000000ca4d"


def _run_row(identifier, purpose, **values):
    return {
        "id": identifier, "project_id": "p1", "plan_id": "plan-1", "task_id": "task-1", "team_id": TEAM,
        "session_id": SESSION, "purpose": purpose, "state": "succeeded", "attempt": 1, "commit": "c" * 40,
        "note": "", "result": {"output": "VERDICT: APPROVED"}, "reason": "", "input_tokens": 100, "output_tokens": 5,
        "cost_usd": 0.25, "created_at": 10.0, "started_at": 11.0, "finished_at": 12.0, **values,
    }  # fmt: skip


def _task_row(identifier, **values):
    return {
        "id": identifier, "key": identifier, "title": f"Do {identifier}", "description": "", "status": "completed",
        "role": "dev", "depends_on_task_ids": [], "branch_name": "task/x", "base_commit": "a" * 40, "head": "c" * 40,
        "merged": "", "attempts": 0, "revision_count": 1, "created_at": 9.0, "finished_at": 20.0, **values,
    }  # fmt: skip


def _session_row(identifier, **values):
    return {
        "id": identifier, "project_id": "p1", "team_id": TEAM, "role": "worker", "worker_role": "dev", "name": "dev-1",
        "status": "ended", "created_at": 5.0, "ended_at": 30.0, **values,
    }  # fmt: skip


def rows():
    """Lists by path, and things by path: one team with a goal, a plan of two tasks, a card at a cap."""
    usage = {"input_tokens": 200, "output_tokens": 10, "unpriced_tokens": 3, "cost_usd": 0.5, "runs": 2}
    session, lead = (
        _session_row(SESSION),
        _session_row(f"{SESSION[:-6]}0a0000", role="lead", worker_role="", name="bot"),
    )
    alone = _session_row("00000000-0000-7000-8000-00000000aaaa", team_id=None)
    zeros = [_session_row(f"{n}0000000-0000-7000-8000-000000000000") for n in (3, 4)]
    team = {
        "id": TEAM, "project_id": "p1", "name": "maestro-1", "status": "ended", "created_at": 4.0, "ended_at": 31.0,
        "sessions": [lead, session],
        "budget": {"cap_tokens": None, "cap_usd": 2.0, "caps": {"team_usd": 1.0, "team_tokens": None}},
    }  # fmt: skip
    card = {
        "id": CARD, "run_id": RUN, "task_id": "task-1", "plan_id": "plan-1", "kind": "budget", "question": "more?",
        "options": ["raise", "stop"], "status": "answered", "answer": "raise", "reason": "", "about": {"x": "y"},
        "created_at": 13.0, "answered_at": 14.0,
    }  # fmt: skip
    other = {**card, "id": f"{CARD[:-1]}e", "run_id": None, "task_id": None, "status": "open", "answer": ""}
    verdict = {
        "id": "v1", "task_id": "task-1", "run_id": f"{RUN[:-1]}3", "commit": "c" * 40, "verdict": "REJECTED",
        "reason": "red", "evidence": {"command": "make", "exit_code": 2, "counts": {"failed": 1}, "output": "long"},
        "created_at": 12.0,
    }  # fmt: skip
    plan = {
        "id": "plan-1", "title": "A plan", "description": "", "status": "completed", "base_branch": "main",
        "epic_branch": "epic/x", "released": "f" * 40, "reviewers": 1, "review_policy": "all", "team_id": "",
        "created_at": 8.0, "completed_at": 25.0,
        "tasks": [_task_row("task-1"), _task_row("task-2", depends_on_task_ids=["task-1"], head="")],
        "verdicts": [verdict], "runs": [], "decisions": [],
    }  # fmt: skip
    directive = {"id": "d1", "text": "Write clearly", "workers": ["dev-1"]}
    sent = [
        {"number": 1, "at": 10.0, "sender": "operator", "kind": "directive", "body": directive},
        {"number": 2, "at": 11.0, "sender": "dev-1", "kind": "run.started", "body": {"run": RUN, "purpose": "execute", "title": "Do"}},
        {"number": 3, "at": 12.0, "sender": "dev-1", "kind": "post", "body": {"text": "hello"}},
    ]  # fmt: skip
    lists = {
        "projects": [{"id": "p1", "key": "github:acme/shop"}, {"id": "p2", "key": "github:acme/other"}],
        "teams": [team],
        "agent-sessions": [alone, *zeros, lead, session],
        "cli-runs": [
            _run_row(f"{RUN[:-1]}1", "plan", plan_id=None, task_id=None, note="A shop"),
            _run_row(RUN, "execute", result={"files": ["x"]}),
            _run_row(f"{RUN[:-1]}3", "review"),
            _run_row(
                "00000000-0000-7000-8000-00000000bbbb", "test", session_id=None, plan_id=None, team_id=""
            ),
        ],
        "plans": [{"id": "plan-1", "team_id": TEAM}],
        "decisions": [card, other],
        "projects/p1/members": [{"id": "u1", "name": "Ada"}],
        "audit": [{"id": "n1", "subject": f"/api/v1/decisions/{CARD}/answer", "user_id": "u1"}],
        "usage": [{"id": "dev", **usage}],
        "tasks/task-1/comments": [{"id": "c1", "created_at": 12.0, "author": "reviewer", "body": "red"}],
        "tasks/task-2/comments": [],
        f"teams/{TEAM}/messages": sent,
    }
    lists["agent-sessions"].sort(key=lambda row: row["id"])
    things = {f"teams/{TEAM}": team, "plans/plan-1": plan, "projects/p1": lists["projects"][0]}
    return lists, things
