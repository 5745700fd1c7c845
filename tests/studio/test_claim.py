from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from maestro_ray.errors import DatabaseInUse
from maestro_ray.studio.claim import claim

HOLD = """
import sys
from pathlib import Path
from maestro_ray.studio.claim import claim
with claim(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_who_comes_second_is_told_who_was_first(tmp_path: Path) -> None:
    database = tmp_path / "studio.db"
    with claim(database):
        with pytest.raises(DatabaseInUse) as raised, claim(database):
            pass
        assert raised.value.args == (str(database), str(os.getpid()))
        assert "maestro daemon stop" in raised.value.hint
    with claim(database):
        pass
    assert stat.S_IMODE((tmp_path / "studio.db.lock").stat().st_mode) == 0o600
    assert not database.exists()


def test_the_claim_of_a_process_that_is_killed_is_over(tmp_path: Path) -> None:
    database = tmp_path / "studio.db"
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(database)], env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(DatabaseInUse), claim(database):
            pass
        other.kill()
        other.wait(60)
        with claim(database):
            pass
