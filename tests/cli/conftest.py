from __future__ import annotations

import pytest

from maestro_cli import invocation
from maestro_cli.invocation import Invocation


@pytest.fixture(autouse=True)
def fresh_invocation(monkeypatch):
    """Each test is an invocation of its own: what another asked for is not in force."""
    monkeypatch.setattr(invocation, "current", Invocation())
    monkeypatch.delenv("MAESTRO_OUTPUT_FORMAT", raising=False)
