"""A pretend team over REST: it takes a plan as far as the work of its tasks, one claim and one report at a time."""

from __future__ import annotations

from itertools import count
from typing import Any

from bench.studio.keep_alive import KeepAlive

API = "/api/v1/"


class Agents:
    """A lead and a developer with a plan of many tasks, in this project."""

    def __init__(self, client: KeepAlive, project: str, tasks: int) -> None:
        self.project, self._client, self._number = project, client, count(1)
        body = {"project_id": project, "role": "lead", "name": "bench"}
        self.lead = self._post("agent-sessions", body)["id"]
        workers = [{"name": name, "role": name[:-2]} for name in ("dev-1",)]
        body = {"workers": workers, "workspace": "here", "serves_all": True}
        self.team = self._post(f"agent-sessions/{self.lead}/team", body)["id"]
        draft = {"title": "Now", "base": "main", "tasks": [{"title": f"Task {n}"} for n in range(tasks)]}
        self.plan = self._post("plans", {"project_id": project, "draft": draft})["id"]
        self._post(f"plans/{self.plan}/activate")
        self.complete(self.claim())

    def waiting(self) -> list[dict[str, Any]]:
        """The runs that were handed to the team."""
        found: list[dict[str, Any]] = self._client.call("GET", self.queue)
        return found

    @property
    def queue(self) -> str:
        return f"{API}agent-sessions/{self.lead}/spawn-queue"

    def claim(self) -> dict[str, Any]:
        """Take up the next run."""
        run: dict[str, Any] = self._client.call("POST", *self.to_claim())
        return run

    def to_claim(self) -> tuple[str, dict[str, Any]]:
        """Path and body of the call that takes up the next run."""
        (run,) = self.waiting()
        return f"{API}agent-sessions/{run['session_id']}/run", {"run_id": run["id"]}

    def complete(self, run: dict[str, Any]) -> None:
        self._client.call("POST", *self.to_complete(run))

    def to_complete(self, run: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Path and body of the report that it is done."""
        spent = {"input_tokens": 100, "output_tokens": 10, "cost_usd": 0.01}
        result = {"commit": f"{next(self._number):040x}"}
        return f"{API}cli-runs/{run['id']}/complete", {
            "epoch": run["epoch"],
            "result": result,
            "usage": spent,
        }

    def end(self) -> None:
        self._post(f"plans/{self.plan}/cancel")
        self._client.call("DELETE", f"{API}agent-sessions/{self.lead}")

    def _post(self, path: str, body: Any = None) -> Any:
        return self._client.call("POST", API + path, body or {})
