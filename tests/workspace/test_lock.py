from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from maestro_ray.workspace.lock import locked


def tries(path: Path, *, shared: bool) -> bool:
    """Whether another process would get the lock now."""
    kind = "LOCK_SH" if shared else "LOCK_EX"
    code = f"import fcntl,os,sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.{kind}|fcntl.LOCK_NB)"
    return (
        subprocess.run([sys.executable, "-c", code, str(path)], check=False, capture_output=True).returncode
        == 0
    )


def test_one_holder_at_a_time_and_none_afterwards(tmp_path: Path) -> None:
    with locked(tmp_path):
        assert not tries(tmp_path, shared=False)
        assert not tries(tmp_path, shared=True)
    assert tries(tmp_path, shared=False)


def test_readers_share(tmp_path: Path) -> None:
    with locked(tmp_path, shared=True):
        assert tries(tmp_path, shared=True)
        assert not tries(tmp_path, shared=False)


def test_a_lock_file_is_made_private_and_a_missing_directory_is_not(tmp_path: Path) -> None:
    with locked(tmp_path / "x.lock"):
        assert (tmp_path / "x.lock").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileNotFoundError), locked(tmp_path / "missing"):
        pass
    assert not (tmp_path / "missing").exists()


def test_threads_wait_for_each_other(tmp_path: Path) -> None:
    path, inside, most = tmp_path / "x.lock", [], []

    def work() -> None:
        for _ in range(50):
            with locked(path):
                inside.append(1)
                most.append(len(inside))
                os.sched_yield()
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(most) == 200
    assert set(most) == {1}
