"""`python -m tests.agents.record AGENT…`: make the streams below tests/providers/streams again, with the real programs."""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# as pytest does, which imports them as `models` and `agents`
sys.path.insert(0, str(Path(__file__).parents[1]))

from models.script import Part
from models.server import playing

from agents.cases import CASES, Case, cases_of
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
    recipe = RECIPES[name]
    ends = {
        title: await _turn(recipe, case, folder / (f"{title}.txt" if recipe.text else f"{title}.jsonl"))
        for title, case in cases_of(recipe).items()
    }
    if session := SESSIONS.get(name):
        ends["session"] = await _session(session, session.PARTS, session.play, folder / "session.jsonl")
        for title in ("refused", "limited"):
            path = folder / f"session_{title}.jsonl"
            ends[f"session_{title}"] = await _session(session, [CASES[title].part], session.once, path)
    (folder / "ends.json").write_text(json.dumps(ends, indent=1, ensure_ascii=False) + "\n")


async def _turn(recipe: Recipe, case: Case, path: Path) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as top:
        turn = await take_turn(recipe, case, Workplace(Path(top)))
        neutral = _neutral(Path(top))
        lines = [neutral.line(line) for line in turn.lines]
        path.write_text("".join(f"{line['text']}\n" for line in lines) if recipe.text else as_lines(lines))
        return {
            "code": turn.code,
            "ended_by": turn.ended_by,
            "asked": len(turn.model.asked),
            "left": len(turn.left),
            "stderr": _end_of(neutral.text(turn.errors)),
        }


async def _session(session: Any, parts: Sequence[Part], play: Any, path: Path) -> dict[str, Any]:
    """Its `code` is null when it does not end though its input has."""
    with tempfile.TemporaryDirectory() as top:
        place = Workplace(Path(top))
        async with playing(*parts) as model:
            talk = await session.start(model, place)
            try:
                await play(talk, place)
                code = await talk.end()
                left = len(await place.left_behind())
            finally:
                await talk.cut()
        neutral = _neutral(Path(top))
        path.write_text(as_lines([{way: neutral.line(line)} for way, line in talk.lines]))
        return {
            "code": code,
            "asked": len(model.asked),
            "left": left,
            "stderr": _end_of(neutral.text(talk.errors)),
        }


def _end_of(text: str) -> str:
    """Some show a whole stack."""
    return text[-1000:]


def _neutral(top: Path) -> Neutral:
    ours = {
        Path(__file__).parent: "/agents",
        Path(__file__).parents[2] / ".venv-agents": "/agents",
        Path(sys.base_prefix): "/python",
    }
    return Neutral(
        ours | {top / "repo": "/worktree", top / "home": "/home/agent", top / "tmp": "/tmp", top: "/test"}
    )


async def main(names: list[str]) -> None:
    for name in names or RECIPES:
        await record(name)
        print(f"{name}: {', '.join(sorted(each.name for each in (STREAMS / name).iterdir()))}")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
