from __future__ import annotations

import pytest
from e2e.machine import Machine


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    machine = Machine(tmp_path_factory.mktemp("m"))
    machine.json("daemon", "start")
    yield machine
    machine.close()
