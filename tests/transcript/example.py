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
