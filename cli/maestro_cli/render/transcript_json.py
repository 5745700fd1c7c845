"""A transcript as JSON: the document itself, with the messages behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from maestro_ray.transcript.document import Message, Transcript


def pieces(transcript: Transcript, messages: Iterable[Message]) -> Iterator[str]:
    """The text of one JSON object, piece by piece: the fields of `Transcript`, then `messages`, a line each."""
    yield transcript.model_dump_json(indent=2).removesuffix("\n}") + ',\n  "messages": ['
    between = "\n    "
    for message in messages:
        yield between + message.model_dump_json()
        between = ",\n    "
    yield "\n  ]\n}\n"
