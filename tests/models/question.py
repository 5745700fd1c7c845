"""What an agent asked of the model, in no dialect."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

# how agents tell the model where it works; each its own way
_FOLDER = re.compile(
    r"(?:[Ww]orking directory:|<cwd>|[Ww]orkspace [Dd]irectories:[*]*\s*-|[Cc]urrently working in the directory:)\s*(/[^\s<]+)"
)
# agents that offer no tools at all speak of their ways to edit in the prompt
_TEXT_ONLY = "SEARCH/REPLACE"


@dataclass(frozen=True)
class Turn:
    """One message: who said it, its text, and the names of the tools it calls or whose results it brings."""

    who: Literal["user", "model", "tool"]
    text: str = ""
    calls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """One request: `tools` has the JSON schema of each tool's arguments by name; None: it takes free text."""

    model: str
    turns: tuple[Turn, ...]
    system: str = ""
    tools: Mapping[str, Mapping[str, Any] | None] = field(default_factory=dict)
    stream: bool = False

    @property
    def said(self) -> str:
        """Everything people said in it, in order."""
        return "\n".join(turn.text for turn in self.turns if turn.who == "user")

    @property
    def folder(self) -> str:
        """Where the agent works, as it told; empty when it did not."""
        found = _FOLDER.search(self.system) or _FOLDER.search(self.said)
        return found.group(1) if found else ""

    @property
    def aside(self) -> bool:
        """A title, a summary, a look whether the door is open: nothing of the work itself."""
        return not self.tools and _TEXT_ONLY not in self.system
