from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from maestro_ray.agent.errand import LIMIT, run_errand
from maestro_ray.errors import AgentFailed
from maestro_ray.ports import Ended, RunProgram

from .programs import until

PORT: RunProgram = run_errand


async def errand(code: str, stdin: bytes = b"", timeout: float = 30.0) -> Ended:
    argv = [sys.executable, "-c", code]
    return await PORT(
        argv, stdin=stdin, cwd=Path.cwd(), env={"PATH": os.environ["PATH"], "X": "1"}, timeout=timeout
    )


async def test_input_goes_in_and_both_streams_come_out() -> None:
    code = "import os,sys; print(sys.stdin.read(), sorted(os.environ)); print('no', file=sys.stderr); sys.exit(2)"
    ended = await errand(code, b"abc")
    assert (ended.code, ended.stderr, ended.late) == (2, "no\n", False)
    assert ended.stdout.startswith("abc ['")
    assert "HOME" not in ended.stdout


@pytest.mark.timeout(30)
async def test_one_that_writes_before_it_reads_is_heard() -> None:
    """Both sides have more to say than a pipe holds: without a task of its own the write would wait for ever."""
    ended = await errand(
        "import sys; sys.stdout.write('x' * 1_000_000); sys.exit(len(sys.stdin.read()) % 7)", b"y" * 1_000_001
    )
    assert ended.code == 1_000_001 % 7
    assert (await errand("pass", b"y" * 1_000_000)).code == 0


async def test_ten_megabytes_are_cut() -> None:
    """Without the clipping all of it would be kept."""
    ended = await errand("import sys; sys.stdout.write('x' * 10_000_000); sys.stderr.write('y' * 10_000_000)")
    assert ended.code == 0
    assert len(ended.stdout) < LIMIT + 200
    assert len(ended.stderr) <= 16 * 1024


async def test_one_that_hangs_is_stopped_with_its_whole_tree(tmp_path: Path) -> None:
    """It ignores SIGTERM, and so does its child in a session of its own. Without the limit it would go on ten minutes."""
    pids = tmp_path / "pids"
    child = "import os,signal,time; os.setsid(); signal.signal(15,signal.SIG_IGN); open(P,'a').write(f'{os.getpid()}\\n'); time.sleep(600)"
    child = child.replace("P", repr(str(pids)))
    code = f"import signal,subprocess,sys,time; signal.signal(15,signal.SIG_IGN); subprocess.Popen([sys.executable,'-c',{child!r}])\nprint('begun', flush=True)\ntime.sleep(600)"
    began = time.monotonic()
    ended = await errand(code, timeout=3)
    assert ended.late
    assert ended.stdout.startswith("begun")
    assert time.monotonic() - began < 120
    assert pids.exists()
    assert until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids.read_text().split()))


async def test_a_program_that_is_not_there_is_said() -> None:
    with pytest.raises(AgentFailed, match="/no/such"):
        await PORT(["/no/such"], stdin=b"", cwd=Path.cwd(), env={}, timeout=1)
