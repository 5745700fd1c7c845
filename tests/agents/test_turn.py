"""Each real program takes a turn with the scripted model: it writes a file, ends, and leaves nothing running."""

from __future__ import annotations

import pytest

from .cases import CASES, PROMPT
from .recipes import RECIPES
from .turn import take_turn
from .workplace import Workplace


@pytest.mark.parametrize("name", RECIPES)
async def test_it_writes_a_file_and_ends(name, tmp_path):
    turn = await take_turn(RECIPES[name], CASES["edit"], place := Workplace(tmp_path))

    assert (place.folder / "hello.txt").read_text() == "hello\n"
    assert (turn.code, turn.left, turn.wanted) == (0, [], [])
    assert PROMPT in turn.model.asked[-1].question.said
