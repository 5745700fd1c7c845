"""A project in the middle of its work, as the page shows it: made over REST, by a pretend team."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx
from studio.pretend import PretendTeam, Rest, sha

from maestro_ray.studio import identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.testing import LocalStudio

TASKS = [
    {"id": "adapter", "title": "Write an adapter for the old logger", "priority": 20, "skill": "python",
     "description": "oldlog.py keeps its functions and calls newlog.py.\nNo caller changes yet."},
    {"id": "callers", "title": "Move the callers of the web layer"},
    {"id": "workers", "title": "Move the callers of the workers", "priority": 10},
    {"id": "levels", "title": "Levels by configuration", "depends": ["adapter"]},
    {"id": "rotate", "title": "Rotate files by size"},
    {"id": "docs", "title": "Describe the move", "depends": ["callers", "levels"]},
    {"id": "remove", "title": "Remove oldlog.py", "depends": ["callers"]},
]  # fmt: skip


@dataclass
class Scene:
    """The addresses of the interesting pages, and the team that works there."""

    rest: Rest
    team: PretendTeam
    project: str
    plan: str
    draft: str
    tasks: Mapping[str, str]

    def views(self) -> dict[str, str]:
        """Each page with its path, by the name of its picture."""
        return {
            "projects": "/",
            "project": f"/projects/{self.project}",
            "team": f"/teams/{self.team.id}",
            "board": f"/plans/{self.plan}",
            "task": f"/tasks/{self.tasks['callers']}",
            "decisions": "/decisions",
            "plan-editor": f"/projects/{self.project}/plans/new",
            "plan-editor-toml": f"/projects/{self.project}/plans/new?as=toml",
            "knowledge": f"/projects/{self.project}/knowledge",
            "audit": "/audit",
        }


async def play(studio: LocalStudio, http: httpx.AsyncClient) -> Scene:
    """One plan at work, one done, one a draft; a card that is open; a rejected and an approved commit."""
    rest = Rest(http)
    await rest.post("auth/redeem", {"token": await studio.store.write(identity.invite), "name": "ada"})
    await rest.sign_in(await studio.store.write(identity.invite))
    await rest.post("projects", {"key": "gitlab:northwind/billing", "name": "billing"}, status=201)
    await rest.post("projects", {"key": "github:northwind/handbook", "name": "handbook"}, status=201)
    project = await rest.project("github:northwind/shop")
    workers = [("dev-1", "dev"), ("dev-2", "dev"), ("review-1", "review"), ("test-1", "test")]
    team = await PretendTeam.join(
        rest, project, workers, workspace="/home/ada/shop",
        skills={"dev-1": {"python": 5, "sql": 3}, "dev-2": {"python": 3, "css": 4}},
    )  # fmt: skip
    await _done(rest, team, project)
    draft = {
        "title": "Faster checkout",
        "base": "main",
        "tasks": [{"title": "Measure it"}, {"title": "Cache the cart"}],
    }
    waiting = await rest.post("plans", {"project_id": project, "draft": draft}, status=201)
    plan = await _begin(rest, project, "Move to the new logger", TASKS)
    tasks = {key: str(task["id"]) for key, task in (await rest.tasks(plan["id"])).items()}
    await _work(rest, team, tasks)
    await _say(rest, team)
    await _know(studio, rest, project, plan["id"])
    return Scene(rest, team, project, str(plan["id"]), str(waiting["id"]), tasks)


async def _begin(rest: Rest, project: str, title: str, tasks: Sequence[Mapping[str, Any]]) -> Any:
    draft = {"title": title, "base": "main", "test": "make test", "tasks": tasks}
    plan = await rest.post("plans", {"project_id": project, "draft": draft}, status=201)
    return await rest.post(f"plans/{plan['id']}/activate")


async def _done(rest: Rest, team: PretendTeam, project: str) -> None:
    tasks = [{"title": "Sign the webhooks"}, {"title": "Retry failed deliveries"}]
    plan = await _begin(rest, project, "Webhooks that arrive", tasks)
    await rest.post(f"plans/{plan['id']}/pause")
    await rest.post(f"plans/{plan['id']}/resume")
    await team.bootstrap()
    for task in (await rest.tasks(plan["id"])).values():
        await team.finish(str(task["id"]))
    await team.release()


async def _work(rest: Rest, team: PretendTeam, tasks: Mapping[str, str]) -> None:
    await team.bootstrap()
    first, second = tasks["adapter"], tasks["workers"]
    await team.finish(first, sha("adapter"))
    run = await team.take("execute", second)
    await team.fail(
        run, "the queue of the workers has no test, and its behaviour under load is not described", hold=True
    )
    callers = tasks["callers"]
    await team.work(callers, sha("callers 1"))
    await team.test(callers)
    await team.review(
        callers,
        "VERDICT: REJECTED — three callers in web/admin still import oldlog, and web/api.py swallows the level",
    )
    await rest.post(
        f"tasks/{callers}/comments",
        {"body": "The admin pages may stay as they are if that is simpler."},
        status=201,
    )
    for task in ("levels", "rotate"):
        if ("execute", "dev-1") in await team.offered() or ("execute", "dev-2") in await team.offered():
            runs = [
                run
                for run in await team.held()
                if run["task_id"] == tasks[task] and run["state"] == "dispatched"
            ]
            for run in runs:
                await team.claim(run)
    revision = [
        run for run in await team.held() if run["task_id"] == callers and run["state"] == "dispatched"
    ]
    for run in revision:
        await team.claim(run)


async def _say(rest: Rest, team: PretendTeam) -> None:
    now = time.time()
    said: list[tuple[float, str, str, dict[str, Any]]] = [
        (900, "maestro", "team.up", {}),
        (880, "dev-1", "run.started", {"purpose": "execute", "title": "Write an adapter for the old logger"}),
        (640, "dev-1", "run.ended", {"purpose": "execute", "title": "Write an adapter for the old logger",
                                     "summary": "commit 4f09c1e2ab, 3 files"}),
        (600, "operator", "directive", {"id": "d1", "text": "Keep the public API as it is.",
                                        "workers": ["dev-1", "dev-2", "review-1", "test-1"]}),
        (598, "dev-2", "receipt", {"directive": "d1", "worker": "dev-2", "how": "in-turn"}),
        (590, "dev-1", "receipt", {"directive": "d1", "worker": "dev-1", "how": "next-turn"}),
        (520, "test-1", "run.ended", {"purpose": "test", "title": "Write an adapter for the old logger",
                                      "summary": "make test: 212 passed"}),
        (400, "review-1", "run.ended", {"purpose": "review", "title": "Move the callers of the web layer",
                                        "summary": "REJECTED — three callers in web/admin still import oldlog"}),
        (90, "dev-1", "run.started", {"purpose": "execute", "title": "Move the callers of the web layer"}),
    ]  # fmt: skip
    messages = [{"number": n, "sender": sender, "kind": kind, "body": body, "at": now - age}
                for n, (age, sender, kind, body) in enumerate(said, 1)]  # fmt: skip
    await rest.post(f"teams/{team.id}/messages", {"messages": messages}, status=204)


async def _know(studio: LocalStudio, rest: Rest, project: str, plan: str) -> None:
    runs = (await rest.get(f"plans/{plan}"))["runs"]

    def write(tx: Transaction) -> None:
        for kind, title, path, body in (
            (
                "convention",
                "Errors are raised, never returned",
                "src/shop/errors.py",
                "One tree; each error names who is at fault.",
            ),
            ("convention", "Times are UTC", "", "Local times appear in templates only."),
            ("command", "make test", "Makefile", "Runs everything in about 40 seconds."),
            ("module", "web", "src/shop/web/", "Flask blueprints, one for each area; admin is the oldest."),
        ):
            tx.insert(t.knowledge, project_id=project, run_id=runs[0]["id"], kind=kind, title=title, path=path,
                      body=body, updated_at=tx.now - 86400)  # fmt: skip
        for number, run in enumerate(runs):
            if run["session_id"] and run["purpose"] in ("execute", "review"):
                spent = {"input_tokens": 41_000 + 7_300 * number, "output_tokens": 5_200 + 900 * number}
                tx.update(t.runs, run["id"], cost_usd=0.31 + 0.07 * number, **spent)

    await studio.store.write(write)


async def say(studio: LocalStudio, scene: Scene) -> None:
    """What the agents of the live runs print, as it streams."""
    held = [run for run in await scene.team.held() if run["state"] == "running"]
    for run, text in zip(held, OUTPUT, strict=False):
        studio.hub.publish(
            f"private-team.{scene.team.name}", "run.chunk", {"run_id": run["id"], "worker": "", "text": text}
        )


OUTPUT = [
    """I will look for every module of the web layer that still imports oldlog.
$ rg -l 'import oldlog' src/shop/web
src/shop/web/admin/orders.py
src/shop/web/admin/users.py
src/shop/web/admin/stock.py
src/shop/web/api.py
Three of them only log at one level, so newlog.log() is enough. api.py passes a level
from the request; I keep that and map it in one place.
$ edit src/shop/web/api.py
  1 file changed, 12 insertions(+), 9 deletions(-)
$ make test
""",
    """Reading src/shop/config.py to see where levels are read today.
The configuration has [log] level already; newlog ignores it.
$ edit src/shop/newlog.py
  1 file changed, 21 insertions(+), 2 deletions(-)
""",
]
