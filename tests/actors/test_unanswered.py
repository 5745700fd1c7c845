"""The same words are the same message as long as nobody knows whether they were heard."""

from __future__ import annotations

import asyncio

import pytest

from maestro_ray.actors.unanswered import AGAIN_WITHIN, Unanswered
from maestro_ray.errors import Conflict


def say(
    unanswered: Unanswered,
    words: str,
    *teams: str,
    at: float = 0.0,
    fails: type[BaseException] | None = None,
) -> str:
    """The id they went under."""
    try:
        with unanswered.under(teams or ("t",), words, at) as identifier:
            if fails is not None:
                raise fails
    except BaseException as error:
        if type(error) is not fails:
            raise
    return identifier


@pytest.mark.parametrize("how", [Conflict, asyncio.CancelledError])
def test_words_without_an_answer_keep_their_id_until_they_have_one(how: type[BaseException]) -> None:
    unanswered = Unanswered()
    first = say(unanswered, "stop", fails=how)
    assert say(unanswered, "stop", fails=how) == first
    assert say(unanswered, "stop") == first
    assert say(unanswered, "stop") != first


def test_other_words_other_teams_and_a_later_time_are_meant_anew() -> None:
    unanswered = Unanswered()
    ids = {say(unanswered, "stop", fails=Conflict), say(unanswered, "stop", "u"), say(unanswered, "go")}
    assert len(ids) == 3
    # something else was said in between
    assert say(unanswered, "stop") not in ids
    last = say(unanswered, "stop", "a", "b", fails=Conflict)
    assert say(unanswered, "stop", "b", "a", fails=Conflict) == last
    assert say(unanswered, "stop", "a", "b", at=AGAIN_WITHIN) != last
