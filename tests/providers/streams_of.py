"""Recorded sessions: what a program said and what it was told, in order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

STREAMS = Path(__file__).with_name("streams")

Line = dict[str, Any]


def session(agent: str, name: str = "session") -> list[tuple[str, Line]]:
    """`("in", line)` was said to it, `("out", line)` by it."""
    text = (STREAMS / agent / f"{name}.jsonl").read_text()
    return [pair for each in text.splitlines() for pair in json.loads(each).items()]


def said(agent: str, name: str = "session") -> list[Line]:
    return [line for way, line in session(agent, name) if way == "out"]


def of_prompt(agent: str, number: int) -> list[Line]:
    """What it said between the prompt that was the `number`th (from 0) and the one after it."""
    prompts = -1
    found = []
    for way, line in session(agent):
        prompts += way == "in" and line.get("method") == "session/prompt"
        if way == "out" and prompts == number:
            found.append(line)
    return found
