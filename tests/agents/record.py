"""`python -m tests.agents.record AGENT…`: make the streams below tests/providers/streams again, with the real programs."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path
from types import ModuleType
from typing import Any

# as pytest does, which imports them as `models` and `agents`
sys.path.insert(0, str(Path(__file__).parents[1]))

from models.server import playing

from agents.cases import CASES, Case
from agents.neutral import Neutral, as_lines
from agents.recipe import Recipe
from agents.recipes import RECIPES
from agents.sessions import SESSIONS
from agents.turn import take_turn
from agents.workplace import Workplace

STREAMS = Path(__file__).parents[1] / "providers" / "streams"


async def record(name: str) -> None:
    """`CASE.jsonl` is standard output, `session.jsonl` has both directions, `ends.json` says how each case ended."""
    folder = STREAMS / name
    folder.mkdir(parents=True, exist_ok=True)
    ends = {
        title: await _turn(RECIPES[name], case, folder / f"{title}.jsonl") for title, case in CASES.items()
    }
    (folder / "ends.json").write_text(json.dumps(ends, indent=1, ensure_ascii=False) + "\n")
    if session := SESSIONS.get(name):
        await _session(session, folder / "session.jsonl")


async def _turn(recipe: Recipe, case: Case, path: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as top:
        turn = await take_turn(recipe, case, Workplace(Path(top)))
        neutral = _neutral(Path(top))
        path.write_text(as_lines([neutral.line(line) for line in turn.lines]))
        return {"code": turn.code, "asked": len(turn.model.asked), "stderr": neutral.text(turn.errors)}


async def _session(session: ModuleType, path: Path) -> None:
    with tempfile.TemporaryDirectory() as top:
        place = Workplace(Path(top))
        async with playing(*session.PARTS) as model:
            talk = await session.start(model, place)
            try:
                await session.play(talk, model, place)
                await talk.end()
            finally:
                await talk.cut()
        neutral = _neutral(Path(top))
        path.write_text(as_lines([{way: neutral.line(line)} for way, line in talk.lines]))


def _neutral(top: Path) -> Neutral:
    return Neutral(
        {top / "repo": "/worktree", top / "home": "/home/agent", top / "tmp": "/tmp", top: "/test"}
    )


async def main(names: list[str]) -> None:
    for name in names or RECIPES:
        await record(name)
        print(f"{name}: {', '.join(sorted(each.name for each in (STREAMS / name).iterdir()))}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
