from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from maestro_ray.agent.sweep import find, sweep
from maestro_ray.ids import suffix

from .programs import until


@pytest.fixture
def mark() -> Iterator[str]:
    """A mark of this test alone. The test has failed when anything that carries it is left behind."""
    mark = f"test{os.getpid()}:{suffix(12)}:run"
    yield mark
    clean = until(lambda: not find(mark))
    sweep(mark)
    assert clean, "the test left processes behind"
