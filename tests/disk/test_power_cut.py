"""The power fails at any write: every file that could be found then opens, is sound, and has what was acknowledged."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from .images import Image, crashes, lay_out
from .lives import LIVES
from .trace import Step, Told, record

ROOT = Path(__file__).parents[2]


@pytest.fixture
def place() -> Iterator[Path]:
    """In memory, where a sync costs nothing."""
    memory = Path("/dev/shm")
    made = Path(tempfile.mkdtemp(prefix="maestro-disk-", dir=memory if os.access(memory, os.W_OK) else None))
    yield made.resolve()
    shutil.rmtree(made)


def lived(kind: str, place: Path, sync: str = "FULL") -> list[Step]:
    env = {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "PYTHONDONTWRITEBYTECODE": "1"}
    (place / "life").mkdir()
    return record(["-m", "disk.lives", kind, str(place / "life"), sync], place / "life", place / "log", env)


def failures(kind: str, images: Sequence[tuple[Image, list[str]]], place: Path) -> Iterator[str]:
    """What is wrong with each image that has not what it must have."""
    for number, (image, told) in enumerate(images):
        lay_out(image, place / str(number))
        try:
            LIVES[kind][1](place / str(number), told)
        except Exception as error:
            yield f"image {number} after {told[-1:]}: {error!r}"
        shutil.rmtree(place / str(number))


@pytest.mark.parametrize("kind", sorted(LIVES))
def test_a_power_cut_loses_nothing_that_was_acknowledged(place: Path, kind: str) -> None:
    """Red with another `synchronous` than FULL, which the next test shows."""
    steps = lived(kind, place)
    told = [step.line for step in steps if isinstance(step, Told)]
    assert told[-1] == "closed"
    images = crashes(steps)
    assert len(images) > 150
    assert list(failures(kind, images, place)) == []


@pytest.mark.parametrize("sync", ["NORMAL", "OFF"])
@pytest.mark.parametrize("kind", sorted(LIVES))
def test_with_less_than_full_sync_it_would_be_lost(place: Path, kind: str, sync: str) -> None:
    """These images can tell. The last come first: there is more to lose."""
    images = crashes(lived(kind, place, sync))
    assert next(failures(kind, images[::-1], place))
