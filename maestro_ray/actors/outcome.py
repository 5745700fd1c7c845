"""What became of a run, ready to be reported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from maestro_ray.redaction import Secrets, redact, redact_all


@dataclass(frozen=True)
class Outcome:
    """`action` is `complete` or `fail` with the body of that REST call, or `again` for another turn of the same run;
    `resume_after` (seconds) makes it a pause."""

    action: str
    body: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    resume_after: float | None = None

    @classmethod
    def completed(cls, summary: str, /, **result: Any) -> Self:
        return cls("complete", {"result": result}, summary)

    @classmethod
    def failed(cls, reason: str, *, retryable: bool = True, hold: bool = False) -> Self:
        return cls("fail", {"reason": reason, "retryable": retryable, "hold": hold}, reason)

    @classmethod
    def signed_out(cls, reason: str) -> Self:
        return cls("fail", {"reason": reason, "retryable": False, "signed_out": True}, reason)

    @classmethod
    def limited(cls, seconds: float, reason: str, *, alone: bool = False) -> Self:
        """`alone`: it waits for nothing that others with the same credentials wait for."""
        return cls("pause", {"alone": True} if alone else {}, reason, seconds)

    def without(self, secrets: Secrets) -> Self:
        """The same without what is secret in its texts: others read them, and agents do."""
        return replace(self, body=redact_all(self.body, secrets), summary=redact(self.summary, secrets))


def about(assignment: Mapping[str, Any]) -> dict[str, Any]:
    """What a message to the team says of a run."""
    task = assignment["task"]
    return {
        "run": assignment["id"],
        "purpose": assignment["purpose"],
        "task": task["id"] if task else "",
        "title": task["title"] if task else assignment["plan"]["title"],
    }
