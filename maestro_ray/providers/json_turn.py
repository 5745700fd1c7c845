"""What turns have in common whose program writes lines of JSON."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

from maestro_ray.model.agent import AgentEvent, Said
from maestro_ray.ports import Launch
from maestro_ray.providers.json_lines import JsonLines
from maestro_ray.providers.output import clean

# of a line that is no JSON, in characters
LONGEST = 16 * 1_024


class JsonTurn:
    """Each line becomes events by `_events`; no JSON is something said, and what has no known shape is `_unknown`."""

    _launch: Launch
    _lines: JsonLines

    @property
    def launch(self) -> Launch:
        return self._launch

    def feed(self, data: bytes) -> list[AgentEvent]:
        return [event for value in self._lines.feed(data) for event in self._read(value)]

    @abstractmethod
    def _events(self, event: Mapping[str, Any]) -> list[AgentEvent]:
        """May raise what a shape that is not known raises."""

    def _rest(self) -> list[AgentEvent]:
        """What stood in a last line without an end."""
        return [event for value in self._lines.close() for event in self._read(value)]

    def _read(self, value: Mapping[str, Any] | str) -> list[AgentEvent]:
        try:
            return self._no_json(value) if isinstance(value, str) else self._events(value)
        except (TypeError, LookupError, ValueError, AttributeError, ArithmeticError, RecursionError):
            return self._unknown(value) if isinstance(value, dict) else []

    def _unknown(self, _value: Mapping[str, Any]) -> list[AgentEvent]:
        """A shape that is not known here says nothing: what matters has a known one."""
        return []

    def _no_json(self, text: str) -> list[AgentEvent]:
        """Of what is of use to people alone they get what they would read."""
        more = f" [… {len(text) - LONGEST} characters left out …]" if len(text) > LONGEST else ""
        return [Said(clean(text[:LONGEST]) + more + "\n")]
