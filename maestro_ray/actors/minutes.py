"""The minutes: what the entries of a team channel's journal add up to.

Kinds: those of steering, what the operator and members say (`SAID`), and `whole`, which says all that is so. What was
said changes nothing here but what is known to have been said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from maestro_ray.actors.recent import Recent
from maestro_ray.journal import WHOLE, Entry
from maestro_ray.model import steering

OPERATOR = "operator"
# what is said on a channel; a member may say more, which readers show as it is
SAID = frozenset(
    {"said", "team.up", "worker.joined", "worker.left", "post", "digest"}
    | {"run.started", "run.resumed", "run.paused", "run.waits", "run.withdrawn", "run.ended"}
    | {"blocker", "question", "subtask.refused", "blocker.refused", "decision.refused"}
    | {"permission.asked", "permission.answered", "permission.denied", "permission.late"}
    | {"hook.denied", "hook.failed", "mcp.left_out", "verdict.unclear"}
)
# of how many messages it is known that they were said: a repeat comes soon, or never
REMEMBERED = 4096
# those that hold are all kept
KEPT_DIRECTIVES = 1000


class Minutes:
    """`directives` by id; `heard` and `posted` are the numbers of what the operator and the members said last, by its
    id; `cleared` is the number of the last end of directives."""

    def __init__(self) -> None:
        self.directives: Mapping[str, steering.Directive] = {}
        self.heard: Recent[str, int] = Recent(REMEMBERED)
        self.posted: Recent[str, int] = Recent(REMEMBERED)
        self.cleared = 0

    def knows(self, kind: str) -> bool:
        return kind in SAID or kind in steering.KINDS or kind == WHOLE

    def apply(self, entry: Entry) -> None:
        """Entries come in the order of their numbers; those of kinds nobody knows are messages like any other."""
        if entry.kind == WHOLE:
            self._become(entry.body)
            return
        self.directives = steering.told(self.directives, entry.kind, entry.body, entry.at)
        if len(self.directives) > KEPT_DIRECTIVES:
            self.directives = steering.latest(self.directives, KEPT_DIRECTIVES)
        if "id" in entry.body:
            known = self.heard if entry.sender == OPERATOR else self.posted
            known[entry.body["id"]] = entry.number
        if entry.kind == "cleared":
            self.cleared = entry.number

    def whole(self) -> Mapping[str, Any]:
        """The body of an entry that says all this."""
        return {
            "directives": [asdict(each) for each in self.directives.values()],
            "heard": dict(self.heard),
            "posted": dict(self.posted),
            "cleared": self.cleared,
        }

    def _become(self, whole: Mapping[str, Any]) -> None:
        found = [_directive(body) for body in whole["directives"]]
        self.directives = {each.id: each for each in found}
        self.heard, self.posted = Recent(REMEMBERED), Recent(REMEMBERED)
        self.heard.take(whole["heard"])
        self.posted.take(whole["posted"])
        self.cleared = whole["cleared"]


def _directive(body: Mapping[str, Any]) -> steering.Directive:
    receipts = {
        worker: steering.Receipt(steering.ReceiptState(each["state"]), each["at"], each["how"])
        for worker, each in body["receipts"].items()
    }
    state = steering.DirectiveState(body["state"])
    return steering.Directive(body["id"], body["text"], body["at"], state, receipts)
