"""Each benchmark runs once on a small size: what it measures still exists. Nothing here depends on a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from agents.programs import program
from bench.names import NAMES

ROOT = Path(__file__).parents[2]


@pytest.mark.e2e
@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", NAMES)
def test_it_measures_maestro_and_its_reference(name: str, tmp_path: Path) -> None:
    if name == "adapter":
        for each in ("claude", "codex", "node"):
            program(each)
    samples = tmp_path / "samples.json"
    command = [sys.executable, "-m", "tests.bench", name, "--rounds", "1", "--json", str(samples)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "target" in done.stdout or "÷" in done.stdout
    assert all(value > 0 for values in json.loads(samples.read_text())[name].values() for value in values)
