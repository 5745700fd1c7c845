"""Spending: what a worker's agents have used since its last report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestro_ray.model.agent import UsageCounted


class Spending:
    """Tokens and US dollars of one worker. What was taken is reported once."""

    def __init__(self) -> None:
        self._since = UsageCounted()

    def add(self, usage: UsageCounted) -> None:
        before = self._since
        self._since = UsageCounted(
            before.input_tokens + usage.input_tokens,
            before.output_tokens + usage.output_tokens,
            before.cost + usage.cost,
        )

    def take(self) -> Mapping[str, Any]:
        """The `usage` of a report's body; an empty mapping when nothing was used."""
        since, self._since = self._since, UsageCounted()
        if since == UsageCounted():
            return {}
        counts = {"input_tokens": since.input_tokens, "output_tokens": since.output_tokens}
        return {"usage": {**counts, "cost_usd": since.cost}}
