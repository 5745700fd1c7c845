"""What an agent of the Agent Client Protocol has used: each tells it in a place of its own."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from maestro_ray.model.agent import AgentEvent, UsageCounted


class Used:
    """Tokens with each request to the model (Qwen), else with the answer to a prompt; money as a sum that grows."""

    def __init__(self) -> None:
        self._cost = self._owed = 0.0
        self._model = ""
        self._by_request = False

    def began(self, session: Mapping[str, Any]) -> None:
        """The answer that a session began with says which model it has."""
        match session:
            case {"models": {"currentModelId": str(model), "availableModels": list(models)}}:
                known = {str(each.get("modelId")): str(each.get("name")) for each in models}
                self._model = known.get(model, model)
            case {"configOptions": list(options)}:
                found = [each.get("currentValue") for each in options if each.get("id") == "model"]
                self._model = str(found[0]) if found and found[0] else ""

    def known(self, update: Mapping[str, Any]) -> None:
        """The sum that a session had before."""
        self._cost = max(self._cost, _sum(update))

    def told(self, update: Mapping[str, Any]) -> list[AgentEvent]:
        """With an update. Money is said with the tokens that it is for, and they come later."""
        total = _sum(update)
        self._owed += max(0.0, total - self._cost)
        self._cost = max(self._cost, total)
        match update:
            case {"_meta": {"usage": dict(usage)}}:
                self._by_request = True
                return self._counted(_tokens(usage, "inputTokens", "outputTokens", "cachedReadTokens"))
        return []

    def answered(self, result: Mapping[str, Any]) -> list[AgentEvent]:
        """With the answer to a prompt, behind which no other runs: prompts that became one turn tell the same."""
        by_request, self._by_request = self._by_request, False
        events: list[AgentEvent] = []
        match result:
            case _ if by_request:
                pass
            case {"usage": dict(usage)}:
                events = self._counted(_tokens(usage, "inputTokens", "outputTokens", "cachedReadTokens"))
            case {"_meta": {"quota": {"model_usage": list(models)}}} if models:
                for each in models:
                    tokens = _tokens(each["token_count"], "input_tokens", "output_tokens", "cached_tokens")
                    events += self._counted(tokens, str(each.get("model") or ""))
            case {"_meta": {"quota": {"token_count": dict(usage)}}}:
                events = self._counted(_tokens(usage, "input_tokens", "output_tokens", "cached_tokens"))
        owed, self._owed = self._owed, 0.0
        return [*events, UsageCounted(cost=owed, model=self._model)] if owed else events

    def _counted(self, tokens: tuple[int, int, int], model: str = "") -> list[AgentEvent]:
        spent, made, cached = tokens
        return [UsageCounted(spent, made, 0.0, model or self._model, cached)] if spent or made else []


def _tokens(usage: Mapping[str, Any], *names: str) -> tuple[int, int, int]:
    spent, made, cached = (_whole(usage.get(name)) for name in names)
    return spent, made, cached


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
