"""`output`: how far the memory of everything in one process grows while an agent writes 100 MB."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
from actors.stage import APPROVE, begin, end
from bench.table import Table
from workspace.sample import Sample

from maestro_ray.config import Config, SandboxTable
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

MB = 1_000_000
LITTLE, MUCH = 1, 100
_LINES = "yes 'a line as tests and compilers print them, with some words in it' | head -c {bytes}"
# messages of 4 KB in the way of Claude Code
_MESSAGES = """
import json, sys
words = "some words of an agent that has much to say. " * 90
message = {{"id": "m", "content": [{{"type": "text", "text": words}}], "usage": {{}}}}
line = json.dumps({{"type": "assistant", "message": message}}) + "\\n"
for _ in range({bytes} // len(line)):
    sys.stdout.write(line)
print(json.dumps({{"type": "result", "subtype": "success", "is_error": False, "result": "Done."}}))
"""


def measure(rounds: int) -> Table:
    table = Table("MB")
    much = 10 if rounds == 1 else MUCH
    for _ in range(rounds or 3):
        for kind in ("lines", "messages"):
            for size in (LITTLE, much):
                table.add(f"{size} MB of {kind}", _process(kind, size))
    for kind in ("lines", "messages"):
        table.more(f"{much} MB of {kind}", f"{LITTLE} MB of {kind}", "≤ 30")
    return table


def _process(kind: str, size: int) -> float:
    """The most memory of a process of its own: what one round has left must not be the next one's."""
    argv = [
        sys.executable,
        "-c",
        f"import sys; sys.path[:0] = {sys.path!r}\nfrom bench.output import main; main()",
    ]
    done = subprocess.run([*argv, kind, str(size)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return float(done.stdout)


def main() -> None:
    kind, size = sys.argv[1], int(sys.argv[2])
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        print(asyncio.run(_most(Path(directory), kind, size * MB)) / MB)


async def _most(directory: Path, kind: str, size: int) -> float:
    home = Home(directory / "home", directory / "home" / "run")
    home.prepare()
    sample = Sample.make(directory / "project")
    env = _agent(directory, kind, size)
    config = Config(pool=4, sandbox=SandboxTable("off"))
    async with LocalMaestro(home, config=config) as maestro:
        await begin(
            maestro,
            sample,
            providers={
                "dev": "claude" if kind == "messages" else f"command:{directory}/lines",
                "review": APPROVE,
            },
            env=env,
        )
        most = asyncio.create_task(_watch())
        async for event in maestro.events():
            if event["kind"] == "run.ended" and event["body"]["purpose"] == "execute":
                assert event["body"]["action"] == "complete", json.dumps(event["body"])
                break
        most.cancel()
        await end(maestro)
        return await most


async def _watch() -> float:
    """Bytes of this process at their highest, until it is cancelled."""
    this, most = psutil.Process(), 0
    try:
        while True:
            most = max(most, this.memory_info().rss)
            await asyncio.sleep(0.02)
    except asyncio.CancelledError:
        return float(most)


def _agent(directory: Path, kind: str, size: int) -> dict[str, str]:
    """A program of that kind, and the environment to find it in."""
    text = "#!/bin/sh\n" + _LINES.format(bytes=size) + "\necho x > one.txt\n"
    if kind == "messages":
        (directory / "messages.py").write_text(_MESSAGES.format(bytes=size))
        text = (
            "#!/bin/sh\ncase $1 in --version) echo 2.1.330; exit;; esac\n"
            f"echo x > one.txt\nexec {sys.executable} {directory}/messages.py\n"
        )
    path = directory / ("claude" if kind == "messages" else "lines")
    path.write_text(text)
    path.chmod(0o755)
    return {"PATH": f"{directory}:/usr/local/bin:/usr/bin:/bin", "HOME": str(directory), "LC_ALL": "C.UTF-8"}
