"""A real repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from workspace.sample import Sample


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample.make(tmp_path / "project")
