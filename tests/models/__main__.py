"""`python -m tests.models FOLDER`: a server to try an agent against by hand; what it is asked goes to FOLDER as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from .script import Part, Say
from .server import playing
from .tools import Run, Write


async def main(folder: Path) -> None:
    async with playing(
        Part((Run("echo 1 > one.txt"), Say("Ran it.")), words="run it"),
        Part((Write("hello.txt", "hello\n"), Say("Wrote it."))),
    ) as server:
        print(server.url, flush=True)
        kept = 0
        while True:
            await asyncio.sleep(0.2)
            for number, asked in enumerate(server.asked[kept:], kept + 1):
                (folder / f"{number}.json").write_text(
                    json.dumps({"path": asked.path, **asked.body}, indent=1)
                )
            kept = len(server.asked)
            (folder / "broken.txt").write_text("\n".join(server.broken))
            (folder / "other.txt").write_text("\n".join(server.other))


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
