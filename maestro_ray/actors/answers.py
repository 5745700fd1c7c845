"""Answers: what people said to the questions of agents, on its way from Studio to the workers that wait for it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from maestro_ray.actors.live_team import LiveTeam
from maestro_ray.actors.messages import Answer, Asking, Report
from maestro_ray.errors import MaestroError

if TYPE_CHECKING:
    from maestro_ray.actors.connections import Connections

log = logging.getLogger(__name__)

KIND = "permission"


class Answers:
    """Those of every team of Connections. Nothing is kept here: a worker that waits asks again."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def heard(self, team: LiveTeam, card: Mapping[str, Any]) -> None:
        """An event about a card; who holds the run is told, or everybody when that is not known here."""
        if card["kind"] != KIND or card["status"] == "open":
            return
        held = team.runs.get(card["run_id"])
        name = team.record.member_of(held["session_id"]) if held else ""
        for each, slot in _askers(team):
            if name in ("", each):
                self._connections.courier.tell(slot, _answer(card["run_id"], card["about"], card))

    def look(self, asking: Asking) -> None:
        """Whether there is an answer that the worker has missed."""
        self._connections.spawn(self._look(asking))

    def refused(self, report: Report, reason: str) -> None:
        """Studio does not take the question, so that nobody will ever answer it."""
        for team in self._connections.teams.values():
            for _, slot in _askers(team) if team.record.key == report.project else ():
                said = f"nobody can be asked: {reason}"
                request = str(report.body["request"])
                answer = Answer(report.run, report.epoch, request, "refused", said)
                self._connections.courier.tell(slot, answer)

    async def _look(self, asking: Asking) -> None:
        try:
            rest = self._connections.connection(asking.project).rest
            found = await rest.get(f"cli-runs/{asking.run}/permissions")
        except MaestroError as error:
            log.info("the questions of run %s: %s", asking.run, error)
            return
        for each in found:
            same = (each["epoch"], each["request"]) == (asking.epoch, asking.request)
            if same and each["status"] != "open":
                self._connections.courier.tell(asking.slot, _answer(asking.run, each, each))


def _askers(team: LiveTeam) -> list[tuple[str, str]]:
    """Names and slots of those who may have an agent; that of a lead makes a plan."""
    return [(name, slot) for name, slot in team.record.slots.items() if name != "channel"]


def _answer(run: str, about: Mapping[str, Any], card: Mapping[str, Any]) -> Answer:
    closed = "the question was closed: nobody will answer it"
    word, reason = card.get("answer") or card["status"], card.get("reason") or ""
    return Answer(run, about["epoch"], about["request"], word, reason if card.get("answer") else closed)
