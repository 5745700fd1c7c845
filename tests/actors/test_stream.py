"""What agents say, on its way to Studio: joined, in order, bounded, and never a reason to wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from maestro_ray.actors import stream as module
from maestro_ray.actors.messages import Text
from maestro_ray.actors.stream import KEPT, Stream
from maestro_ray.errors import StudioUnavailable
from maestro_ray.testing import eventually


class Studio:
    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.got: list[tuple[str, str]] = []

    async def post(self, path: str, body: Mapping[str, Any]) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.got.append((path, body["text"]))


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)


async def test_pieces_of_one_run_go_together() -> None:
    studio = Studio()
    stream = Stream(studio.post)
    stream.add([Text("dev-1", "r1", "a"), Text("dev-2", "r2", "x"), Text("dev-1", "r1", "b")])
    await eventually(lambda: len(studio.got) == 2)
    stream.add([Text("dev-1", "r1", "c")])
    await eventually(lambda: len(studio.got) == 3)
    assert studio.got == [
        ("cli-runs/r1/chunks", "ab"),
        ("cli-runs/r2/chunks", "x"),
        ("cli-runs/r1/chunks", "c"),
    ]
    await stream.close()


async def test_a_studio_that_is_away_costs_only_what_was_said_meanwhile() -> None:
    studio = Studio(StudioUnavailable("x", "away"))
    stream = Stream(studio.post)
    stream.add([Text("dev-1", "r1", "lost")])
    await eventually(lambda: not studio.errors)
    stream.add([Text("dev-1", "r1", "heard")])
    await eventually(lambda: studio.got)
    assert studio.got == [("cli-runs/r1/chunks", "heard")]
    await stream.close()


async def test_too_much_loses_its_beginning() -> None:
    studio = Studio()
    stream = Stream(studio.post)
    stream.add([Text("dev-1", "r1", "a" * KEPT), Text("dev-1", "r1", "end")])
    await eventually(lambda: studio.got)
    assert len(studio.got[0][1]) == KEPT
    assert studio.got[0][1].endswith("aend")
    await stream.close()
