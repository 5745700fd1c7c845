"""The facts: what the entries of Connections' journal add up to.

Kinds: `team` (a team's record, again at each change), `team.ending`, `team.ended`, `report`, `report.accepted`, and
`whole`, which says all that is so and takes the place of everything before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestro_ray.journal import WHOLE, Entry

KINDS = frozenset({"team", "team.ending", "team.ended", "report", "report.accepted", WHOLE})


class Facts:
    """`teams` are the latest records of teams that have not ended, by id; `ending` is why, for those that are about to;
    `reports` are those Studio has not accepted, by number."""

    def __init__(self) -> None:
        self.teams: dict[str, Any] = {}
        self.ending: dict[str, str] = {}
        self.reports: dict[int, Mapping[str, Any]] = {}

    def knows(self, kind: str) -> bool:
        return kind in KINDS

    def __len__(self) -> int:
        return len(self.teams) + len(self.reports)

    def apply(self, entry: Entry) -> None:
        """Entries come in the order of their numbers; kinds of later versions change nothing."""
        body = entry.body
        match entry.kind:
            case "whole":
                self.teams, self.ending = dict(body["teams"]), dict(body["ending"])
                self.reports = {int(number): report for number, report in body["reports"].items()}
            case "team":
                self.teams[body["id"]] = body
            case "team.ending":
                self.ending[body["id"]] = body["reason"]
            case "team.ended":
                self.teams.pop(body["id"], None)
                self.ending.pop(body["id"], None)
            case "report":
                self.reports[entry.number] = body
            case "report.accepted":
                self.reports.pop(body["number"], None)

    def whole(self) -> Mapping[str, Any]:
        """The body of an entry that says all this."""
        return {"teams": self.teams, "ending": self.ending, "reports": self.reports}
