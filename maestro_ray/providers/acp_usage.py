"""What an agent of the Agent Client Protocol has used: each tells it in a place of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from maestro_ray.model.agent import AgentEvent, UsageCounted


class Used:
    """Tokens with each request to the model (Qwen), else with the answer to a prompt; money as a sum that grows."""

    def __init__(self) -> None:
        self._cost = 0.0
        self._by_request = False

    def known(self, update: Mapping[str, Any]) -> None:
        """The sum that a session had before."""
        self._cost = max(self._cost, _sum(update))

    def told(self, update: Mapping[str, Any]) -> list[AgentEvent]:
        """With an update."""
        total = _sum(update)
        cost, self._cost = max(0.0, total - self._cost), max(self._cost, total)
        events: list[AgentEvent] = [UsageCounted(cost=cost)] if cost else []
        match update:
            case {"_meta": {"usage": dict(usage)}}:
                self._by_request = True
                return [*events, *_tokens(usage, "inputTokens", "outputTokens")]
        return events

    def answered(self, result: Mapping[str, Any]) -> list[AgentEvent]:
        """With the answer to a prompt, behind which no other runs: prompts that became one turn tell the same."""
        by_request, self._by_request = self._by_request, False
        match result:
            case _ if by_request:
                return []
            case {"usage": dict(usage)}:
                return _tokens(usage, "inputTokens", "outputTokens")
            case {"_meta": {"quota": {"token_count": dict(usage)}}}:
                return _tokens(usage, "input_tokens", "output_tokens")
        return []


def _tokens(usage: Mapping[str, Any], into: str, out: str) -> list[AgentEvent]:
    counted = UsageCounted(_whole(usage.get(into)), _whole(usage.get(out)))
    return [counted] if counted != UsageCounted() else []


def _whole(value: object) -> int:
    known = (
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value > 0
    )
    return int(value) if known else 0  # type: ignore[call-overload]


def _sum(update: Mapping[str, Any]) -> float:
    match update:
        case {
            "sessionUpdate": "usage_update",
            "cost": {"amount": int() | float() as amount, "currency": "USD"},
        }:
            return float(amount) if 0 < amount < math.inf else 0.0
    return 0.0
