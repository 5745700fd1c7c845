"""A team of real agents in the worst hour of its night: everything that a person may have to see or answer, at once."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from studio.pretend import PretendTeam, Rest, sha

from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.testing import LocalStudio

from .scene import Scene

ROLES = ("dev", "dev", "dev", "dev", "dev", "review", "review", "review", "test")
NAMES = [f"{role}-{ROLES[:n].count(role) + 1}" for n, role in enumerate(ROLES)]
# whose accounts are shared
POOLS = {"dev-2": "openai", "dev-4": "anthropic", "review-3": "anthropic"}
MODELS = {"dev": "claude-opus-4-5", "review": "gpt-5.1-codex-max", "test": "qwen3-coder-480b-a35b-instruct"}
KINDS = {"dev": "claude", "review": "codex", "test": "qwen"}

TASKS = [
    {"id": "umlauts", "title": "Find „Müller“ by “mueller”, Αθήνα by αθηνα, and القاهرة without its marks"},
    {"id": "rename", "title": "Rename SearchResultHighlightingConfigurationProviderFactory to Highlighter"},
    {"id": "index", "title": "Build the index again without a gap"},
    {"id": "rank", "title": "Rank what is in stock first"},
    {"id": "limits", "title": "Limit the queries of one customer"},
    {"id": "export", "title": "Export the log of searches", "priority": 30},
    {"id": "typos", "title": "Forgive one typing mistake in a word", "priority": 20},
]  # fmt: skip

PUSH = "git push --force-with-lease origin HEAD:refs/heads/task/find-mueller-by-mueller-5f09c1"
# as it is shown: the secret left out, and what would turn the text around named
HIDDEN = (
    "docker compose --file deploy/compose.staging.yaml run --rm --env ELASTICSEARCH_URL=https://search.staging.northwind.example:9200 "
    '--env INDEX_NAME=products-2026-11-23T02-07-41Z-without-a-gap --volume "$PWD/mappings:/mappings:ro" indexer '
    "python -m northwind.search.reindex --mapping /mappings/products.json --alias products --swap --workers 8 && "
    "curl --fail --silent -X POST 'https://hooks.staging.northwind.example/deployments?note=neuer%20Index' "
    "-H 'Authorization: Bearer ⟦secret⟧' | tee /tmp/⟦U+202E⟧reindex.log"
)

SAID = {
    "umlauts": "I fold every word twice: once as its language writes it, once as people type it.\n$ pytest tests/search -q\n"
    "214 passed in 31.40s\n[Bash] git push --force-with-lease origin HEAD:refs/heads/task/find-mueller\n",
    "rename": "[retry 1 in 4 s] overloaded_error: Overloaded\n[retry 2 in 9 s] overloaded_error: Overloaded\n"
    "SearchResultHighlightingConfigurationProviderFactory has 61 callers in 38 files.\n",
    "index": "The alias is swapped in one step, so no query sees an empty index.\n[Bash] docker compose run indexer …\n",
    "rank": "Stock is in another service; I ask how old an answer of it may be.\n$ make integration\n"
    "northwind.search.ranking.tests.test_stock::test_what_is_in_stock_comes_first[de-DE-long-tail]\n",
    "limits": "A token bucket for each customer, in Redis.\n",
}


@dataclass
class Night:
    """The team, its runs by what they are about, the addresses of its pages by the names of their pictures, and pages
    `beside` them of which there is none."""

    team: PretendTeam
    lead: PretendTeam
    runs: Mapping[str, Any]
    views: Mapping[str, str]
    beside: Mapping[str, str]


async def fall(studio: LocalStudio, scene: Scene) -> Night:
    """Let it become night in another project of the scene's Studio."""
    rest = scene.rest
    project = await rest.project("github:northwind/search")
    await studio.store.write(lambda tx: tx.update(t.projects, project, name="search"))
    team = await PretendTeam.join(
        rest, project, list(zip(NAMES, ROLES, strict=True)), workspace="/home/ada/search", pools=POOLS,
        budget={"team_usd": 12.0, "run_usd": 6.0, "day_tokens": 40_000_000},
    )  # fmt: skip
    draft = {"title": "A search that forgives", "base": "main", "test": "make test", "tasks": TASKS}
    body = {"project_id": project, "draft": draft, "team_id": team.id, "revision_cap": 0, "reviewers": 3}
    plan = await rest.post("plans", {**body, "review_policy": "majority"}, status=201)
    await rest.post(f"plans/{plan['id']}/activate")
    await team.bootstrap()
    tasks = {key: str(task["id"]) for key, task in (await rest.tasks(plan["id"])).items()}
    runs = {
        key: await team.take("execute", tasks[key])
        for key in ("export", "typos", "umlauts", "rename", "index")
    }
    await _judge(team, tasks, runs)
    runs |= {key: await team.take("execute", tasks[key]) for key in ("rank", "limits")}
    await _ask(rest, team, runs)
    await _say(rest, team, runs)
    await _spend(rest, team, runs)
    lead = await _propose(rest)
    await _age(studio, team, runs)
    views = {"night": f"/teams/{team.id}", "night-cards": "/decisions"}
    beside = {"judged": f"/tasks/{tasks['export']}", "blocked": f"/tasks/{tasks['rank']}",
              "board": f"/plans/{plan['id']}", "audit": "/audit", "lead": f"/teams/{lead.id}"}  # fmt: skip
    return Night(team, lead, runs, views, beside)


LEAK = (
    "the export holds the addresses of customers in clear text: "
    "northwind/search/export/writer.py:88 writes `query.customer.email`, and "
    "tests/export/test_writer.py::test_nobody_can_be_recognised_in_what_leaves_the_building passes because it looks at the name alone"
)
VERDICTS = (
    "I exported a day of it: 2.1 million lines in 40 s.\nVERDICT: APPROVED",
    f"VERDICT: REJECTED — {LEAK}",
    "It looks good to me, though I would write the file in parts. Approved!",
)


async def _judge(team: PretendTeam, tasks: Mapping[str, str], runs: dict[str, Any]) -> None:
    """One task is judged three times, one verdict of it unclear; another is being tested."""
    for key in ("export", "typos"):
        await team.complete(runs.pop(key), commit=sha(key))
    run = await team.take("test", tasks["export"])
    found = {
        "command": "make test",
        "exit_code": 0,
        "counts": {"passed": 1212, "skipped": 3},
        "commit": run["commit"],
    }
    await team.complete(run, **found)
    runs["typos"] = await team.take("test", tasks["typos"])
    for verdict, run in zip(
        VERDICTS, [each for each in await team.held() if each["purpose"] == "review"], strict=True
    ):
        # each judges it as if it were alone: a verdict of one ends no run of another
        await team.complete(await team.claim(run), output=verdict)


async def _ask(rest: Rest, team: PretendTeam, runs: Mapping[str, Any]) -> None:
    """What keeps each developer: two questions for leave, a limit, a blocker and a question, an account that is refused."""
    for key, command, why in (
        ("umlauts", PUSH, "the rule ask shell(git push*)"),
        ("index", HIDDEN, "no rule names it, and no box holds here"),
    ):
        await rest.post(f"cli-runs/{runs[key]['id']}/permission", asked(runs[key], command, why), status=204)
    await team.pause(runs["rename"], time.time() + 47 * 60)
    rank = runs["rank"]
    blocker = "The stock service answers 503 to everybody since 01:50, so the integration tests cannot pass"
    await rest.post(f"cli-runs/{rank['id']}/blocker", {"epoch": rank["epoch"], "text": blocker}, status=201)
    question = {
        "question": "How old may an answer of the stock service be before it counts for nothing?",
        "options": [
            "1 minute",
            "15 minutes, and the page says so",
            "as old as it is: something is better than nothing",
        ],
    }
    await rest.post(f"cli-runs/{rank['id']}/decision", {"epoch": rank["epoch"], **question}, status=201)
    refused = {
        "reason": "401 Unauthorized: Your authentication token has been invalidated. Please sign in again.",
        "signed_out": True,
    }
    await rest.post(
        f"cli-runs/{runs['limits']['id']}/fail", {"epoch": runs["limits"]["epoch"], **refused}, status=204
    )


def asked(run: Mapping[str, Any], command: str, why: str, request: str = "1.1") -> dict[str, Any]:
    """An agent's question for leave to run a command, as a worker reports it."""
    return {
        "epoch": run["epoch"], "request": request, "ruling": "ask", "tool": "Bash", "command": command,
        "hash": hashlib.sha256(command.encode()).hexdigest(), "length": len(command), "agent": "claude",
        "by": "policy", "why": why,
    }  # fmt: skip


async def _say(rest: Rest, team: PretendTeam, runs: Mapping[str, Any]) -> None:
    now, of = time.time(), {key: {"run": run["id"]} for key, run in runs.items()}
    late = (
        "Prices are gross, in the currency of the customer.",
        "Do not touch northwind/search/legacy: it is deleted tomorrow.",
    )
    said: list[tuple[float, str, str, dict[str, Any]]] = [
        (4200, "maestro", "team.up", {}),
        (3900, "dev-3", "mcp.left_out", {"server": "postgres-readonly", "reason": "it ended at once: exit code 127"}),
        (3600, "operator", "directive", {"id": "n1", "text": late[0], "workers": NAMES}),
        *((3599 - n, name, "receipt", {"directive": "n1", "worker": name, "how": how})
          for n, (name, how) in enumerate([("dev-3", "in-turn"), ("dev-4", "in-turn"), ("review-1", "next-turn"), ("test-1", "restart-with-resume")])),
        (2400, "dev-5", "hook.denied", {"event": "PreToolUse", "reason": "nobody writes to migrations/ while the release branch is open"}),
        (2100, "dev-3", "permission.denied", {"tool": "Bash", "command": "rm -rf ~/.cache/northwind", "reason": "the rule deny shell(rm*)"}),
        (1500, "review-3", "verdict.unclear", {}),
        (1460, "review-2", "run.ended", {"purpose": "review", "title": "Export the log of searches",
                                         "summary": "REJECTED — the export holds the addresses of customers in clear text"}),
        (900, "dev-1", "blocker", {"text": "The stock service answers 503 to everybody since 01:50, so the integration tests cannot pass"}),
        (880, "dev-1", "question", {"question": "How old may an answer of the stock service be before it counts for nothing?"}),
        (780, "dev-4", "run.paused", {"reason": "the account is at its limit", "resume_at": now + 47 * 60, **of["rename"]}),
        (700, "dev-5", "permission.asked", {"tool": "Bash", "command": HIDDEN[:300]}),
        (640, "dev-1", "hook.failed", {"event": "PostToolUse", "reason": "format.sh was ended after 30 s"}),
        (300, "maestro", "digest", {"text": "dev-1 is silent for 9 min 40 s; last: make integration. Idle: dev-2, review-1, review-2, review-3"}),
        (95, "dev-3", "permission.asked", {"tool": "Bash", "command": PUSH}),
        (60, "operator", "directive", {"id": "n2", "text": late[1], "workers": NAMES}),
        (58, "dev-3", "receipt", {"directive": "n2", "worker": "dev-3", "how": "in-turn"}),
    ]  # fmt: skip
    messages = [{"number": n, "sender": sender, "kind": kind, "body": body, "at": now - age}
                for n, (age, sender, kind, body) in enumerate(said, 1)]  # fmt: skip
    await rest.post(f"teams/{team.id}/messages", {"messages": messages}, status=204)


async def _spend(rest: Rest, team: PretendTeam, runs: Mapping[str, Any]) -> None:
    """Up to the cap, and over it by one answer."""
    for number, (key, run) in enumerate(runs.items()):
        role = "test" if run["purpose"] == "test" else "dev"
        counts = {
            "model": MODELS[role],
            "input_tokens": 1_204_000 + 310_500 * number,
            "output_tokens": 48_211 + 9_077 * number,
        }
        free = role == "test"
        counts |= {"unpriced_tokens": 61_400, "cost_usd": 0.0} if free else {"cost_usd": 1.87 + 0.29 * number}
        used = {
            "meter": f"m-{key}",
            "number": 1,
            "models": [counts],
            "provider": KINDS[role],
            "session_id": run["session_id"],
        }
        body = {"epoch": run["epoch"], "usage": used}
        await rest.post(f"cli-runs/{run['id']}/spent", body)
    over = {"epoch": runs["rank"]["epoch"], "ask": True}
    await rest.post(f"cli-runs/{runs['rank']['id']}/spent", over)


async def _propose(rest: Rest) -> PretendTeam:
    """A lead that was given a goal proposes a plan in a project of its own."""
    project = await rest.project("gitlab:northwind/billing")
    team = await PretendTeam.join(
        rest,
        project,
        [("dev-1", "dev"), ("review-1", "review")],
        serves_all=False,
        workspace="/home/ada/billing",
    )
    goal = {
        "purpose": "plan",
        "note": "Customers can pay by invoice, and are reminded of it",
        "session_id": team.lead,
    }
    await rest.post(f"projects/{project}/analysis", goal, status=201)
    run = await team.take("plan")
    draft = {
        "title": "Pay by invoice", "base": "main", "test": "make test",
        "description": "An invoice is a payment that comes later: the order is sent at once, and reminded of after 14 days.",
        "tasks": [
            {"id": "term", "title": "Keep when a customer pays", "description": "A column, and what reads it."},
            {"id": "letter", "title": "Print the invoice", "depends": ["term"], "description": "As PDF, in the language of the customer."},
            {"id": "remind", "title": "Remind after 14 days, and again after 28", "depends": ["letter"], "role": "dev"},
        ],
    }  # fmt: skip
    await rest.post(
        f"cli-runs/{run['id']}/plan-proposal", {"epoch": run["epoch"], "draft": draft}, status=201
    )
    await team.complete(run)
    return team


async def _age(studio: LocalStudio, team: PretendTeam, runs: Mapping[str, Any]) -> None:
    """What has just been made happened over an hour; agents said what they said at some moment of it."""
    now = time.time()
    chunks = studio.app.state.studio.chunks
    for number, (key, text) in enumerate(SAID.items()):
        if key in runs:
            chunks.add(runs[key]["id"], text, now - (580 if key == "rank" else 3 + number))

    def write(tx: Transaction) -> None:
        for number, run in enumerate(runs.values()):
            tx.update(t.runs, run["id"], started_at=now - 2900 + 310 * number)
        for number, card in enumerate(tx.all(sa.select(t.decisions).order_by(t.decisions.c.id.desc()))):
            tx.update(t.decisions, card["id"], created_at=now - 95 * (number + 1))
        for number, verdict in enumerate(tx.all(sa.select(t.verdicts).order_by(t.verdicts.c.id.desc()))):
            tx.update(t.verdicts, verdict["id"], created_at=now - 1440 - 240 * number)

    await studio.store.write(write)
