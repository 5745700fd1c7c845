"""A pretend team that speaks to a real Studio over REST, as Connections does, and a person beside it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import Any

import httpx

Json = Any

WORKERS = (("dev-1", "dev"), ("dev-2", "dev"), ("review-1", "review"), ("test-1", "test"))
APPROVED = "I ran it.\nVERDICT: APPROVED"
REJECTED = "VERDICT: REJECTED — the test is red"


def sha(words: str) -> str:
    """A commit hash that is the same for the same words."""
    return hashlib.sha1(words.encode(), usedforsecurity=False).hexdigest()


class Rest:
    """Calls below `/api/v1`, each with the status that is expected of it."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def call(
        self, method: str, path: str, body: Json = None, *, status: int, key: str = "", **more: Any
    ) -> Json:
        headers = {"Idempotency-Key": key} if key else {}
        answer = await self.http.request(method, f"/api/v1/{path}", json=body, headers=headers, **more)
        assert answer.status_code == status, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    async def get(self, path: str, **query: str) -> Json:
        return await self.call("GET", path, status=200, params=query)

    async def post(self, path: str, body: Json = None, *, status: int = 200, key: str = "") -> Json:
        return await self.call("POST", path, {} if body is None else body, status=status, key=key)

    async def put(self, path: str, body: Json, *, status: int = 200) -> Json:
        return await self.call("PUT", path, body, status=status)

    async def patch(self, path: str, body: Json, *, status: int = 200, key: str = "") -> Json:
        return await self.call("PATCH", path, body, status=status, key=key)

    async def delete(self, path: str, *, status: int = 204) -> Json:
        return await self.call("DELETE", path, status=status)

    async def refused(self, method: str, path: str, body: Json = None, *, status: int = 409) -> str:
        """The `code` of the problem document."""
        document = await self.call(method, path, body, status=status)
        assert document["status"] == status
        return str(document["code"])

    async def sign_in(self, invite: str, *, also: bool = False) -> Json:
        """As somebody new, or with `also` for one more role of whoever is signed in."""
        if not also:
            self.http.headers.pop("authorization", None)
        tokens = await self.post("auth/redeem", {"token": invite, "name": "ada"})
        self.http.headers["authorization"] = f"Bearer {tokens['access_token']}"
        return tokens

    async def project(self, key: str = "github:acme/shop") -> str:
        return str((await self.post("projects", {"key": key, "name": "shop"}, status=201))["id"])

    async def plan(
        self, project: str, tasks: Iterable[Mapping[str, Any]] = ({"title": "One"},), **values: Any
    ) -> Json:
        """A plan that is active already."""
        draft = {
            "title": "Shop",
            "base": "main",
            "test": "make test",
            "tasks": [dict(task) for task in tasks],
        }
        plan = await self.post("plans", {"project_id": project, "draft": draft, **values}, status=201)
        return await self.post(f"plans/{plan['id']}/activate")

    async def tasks(self, plan_id: str) -> dict[str, Json]:
        """The plan's tasks by their keys."""
        return {task["key"]: task for task in (await self.get(f"plans/{plan_id}"))["tasks"]}

    async def cards(self) -> list[Json]:
        found: list[Json] = await self.get("decisions")
        return found

    async def answer(self, word: str) -> None:
        """Answer the only open card."""
        (card,) = await self.cards()
        await self.post(f"decisions/{card['id']}/answer", {"answer": word})


# somebody else, invited to a role in a project (or everywhere)
Enter = Callable[..., Coroutine[Any, Any, Rest]]


class PretendTeam:
    """A lead and its workers. They take what Studio hands them and report what the test says."""

    def __init__(self, rest: Rest, lead: str, given: Json) -> None:
        self.rest = rest
        self.lead = lead
        self.id = str(given["id"])
        self.name = str(given["name"])
        self.sessions = {member["name"]: str(member["id"]) for member in given["members"]}

    @classmethod
    async def join(
        cls, rest: Rest, project: str, workers: Iterable[tuple[str, str]] = WORKERS, *,
        workspace: str = "/repo", serves_all: bool = True, skills: Mapping[str, Mapping[str, int]] | None = None, pools: Mapping[str, str] | None = None,
        **more: Any,
    ) -> PretendTeam:  # fmt: skip
        lead = await rest.post(
            "agent-sessions", {"project_id": project, "role": "lead", "name": "maestro"}, status=201
        )
        members = [
            {
                "name": name,
                "role": role,
                "skills": dict((skills or {}).get(name, {})),
                "pool": (pools or {}).get(name, ""),
            }
            for name, role in workers
        ]
        body = {"workers": members, "workspace": workspace, "serves_all": serves_all, **more}
        return cls(rest, lead["id"], await rest.post(f"agent-sessions/{lead['id']}/team", body, status=201))

    async def held(self) -> list[Json]:
        """What Studio has handed to this team and is not over."""
        found: list[Json] = await self.rest.get(f"agent-sessions/{self.lead}/spawn-queue")
        return found

    async def offered(self) -> list[tuple[str, str]]:
        """(purpose, worker) of what is held; the lead is called `lead`."""
        names = {session: name for name, session in self.sessions.items()} | {self.lead: "lead"}
        return sorted((run["purpose"], names[run["session_id"]]) for run in await self.held())

    async def take(self, purpose: str, task: str = "") -> Json:
        """Claim the one offered run of this purpose (of the task with this id)."""
        (run,) = [
            run
            for run in await self.held()
            if run["purpose"] == purpose and run["state"] == "dispatched" and task in ("", run["task_id"])
        ]
        return await self.claim(run)

    async def claim(self, run: Json) -> Json:
        return await self.rest.post(f"agent-sessions/{run['session_id']}/run", {"run_id": run["id"]})

    async def complete(self, run: Json, **result: Any) -> None:
        body = {"epoch": run["epoch"], "result": result}
        await self.rest.post(f"cli-runs/{run['id']}/complete", body, status=204)

    async def pause(self, run: Json, resume_at: float | None, **more: Any) -> None:
        body = {"epoch": run["epoch"], "resume_at": resume_at, **more}
        await self.rest.post(f"cli-runs/{run['id']}/pause", body, status=204)

    async def fail(self, run: Json, reason: str, **more: Any) -> None:
        body = {"epoch": run["epoch"], "reason": reason, **more}
        await self.rest.post(f"cli-runs/{run['id']}/fail", body, status=204)

    # ── whole steps ──────────────────────────────────────────────────────────────────────────────────────────────

    async def bootstrap(self) -> None:
        await self.complete(await self.take("bootstrap_epic"), commit=sha("epic"))

    async def work(self, task: str, commit: str) -> Json:
        run = await self.take("execute", task)
        await self.complete(run, commit=commit)
        return run

    async def test(self, task: str, exit_code: int = 0) -> Json:
        run = await self.take("test", task)
        found = {
            "command": "make test",
            "exit_code": exit_code,
            "counts": {"passed": 1},
            "commit": run["commit"],
        }
        await self.complete(run, **found)
        return run

    async def review(self, task: str, output: str = APPROVED) -> Json:
        run = await self.take("review", task)
        await self.complete(run, output=output)
        return run

    async def merge(self, task: str) -> Json:
        run = await self.take("merge", task)
        await self.complete(run, merge=sha(f"merge of {run['commit']}"))
        return run

    async def finish(self, task: str, commit: str = "") -> None:
        """A task from its work to its merge, nothing going wrong."""
        await self.work(task, commit or sha(task))
        await self.test(task)
        await self.review(task)
        await self.merge(task)

    async def release(self) -> None:
        await self.complete(await self.take("release"), commit=sha("release"))
        await self.complete(await self.take("release_cleanup"))
