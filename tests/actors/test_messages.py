"""Every message survives the way between two processes, and is a value."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
from pathlib import Path

import pytest

from maestro_ray.actors import messages
from maestro_ray.home import Home

from .parts import a_channel, a_lead, a_worker, command

KINDS = [
    kind
    for _, kind in inspect.getmembers(messages, inspect.isclass)
    if kind.__module__ == messages.__name__ and dataclasses.is_dataclass(kind)
]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_message_cannot_be_changed_and_can_be_sent(kind: type) -> None:
    message = kind(*(f.name for f in dataclasses.fields(kind)))
    assert pickle.loads(pickle.dumps(message)) == message
    for field in dataclasses.fields(kind):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(message, field.name, "other")


def test_parts_are_equal_when_they_are_the_same(home: Home, tmp_path: Path) -> None:
    for part in (
        a_channel(home, tmp_path),
        a_lead(home, tmp_path),
        a_worker(home, tmp_path, command("true")),
    ):
        assert pickle.loads(pickle.dumps(part)) == part
