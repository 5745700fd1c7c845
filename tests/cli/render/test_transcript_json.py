from __future__ import annotations

import json

import pytest
from transcript.example import HOSTILE, messages, transcript

from maestro_cli.render.transcript_json import pieces
from maestro_ray.transcript.document import Message, Transcript


@pytest.mark.parametrize("text", [each for each in HOSTILE if "\ud800" not in each])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_text_is_the_document_again(text, count):
    whole, said = transcript(text), messages(text) * count
    told = json.loads("".join(pieces(whole, said)))
    assert [Message(**each) for each in told.pop("messages")] == said
    assert Transcript.model_validate(told) == whole
    assert list(told)[:2] == ["format", "version"]


def test_messages_are_taken_one_by_one():
    """A million of them are never in memory together."""
    taken = []

    def source():
        for number in range(3):
            taken.append(number)
            yield messages()[0]

    made = pieces(transcript(), source())
    next(made)
    assert taken == []
    next(made)
    assert taken == [0]
    "".join(made)
