"""The lines of pusher-js in the reference, run as they stand there."""

from __future__ import annotations

import asyncio
import os
from asyncio.subprocess import PIPE

from docs.markdown import DOCS, blocks

from maestro_ray.testing import LocalStudio, eventually

from .program import HERE


async def test_five_lines_are_all_a_client_needs(studio: LocalStudio, token: str) -> None:
    (block,) = [block for block in blocks(DOCS / "reference" / "protocol.md") if block.kind == "js"]
    assert block.text.count("\n") == 5
    port = studio.url.rpartition(":")[2]
    env = os.environ | {"KEY": studio.hub.key, "PORT": port, "TOKEN": token, "PROJECT": "p"}
    reader = await asyncio.create_subprocess_exec(
        "node", "--input-type=module", "--eval", block.text, cwd=HERE, env=env, stdout=PIPE
    )
    assert reader.stdout
    await eventually(lambda: studio.hub._rooms.inside("private-project.p"))
    studio.hub.publish("private-project.p", "run.updated", {"run": {"status": "running"}})
    line = await asyncio.wait_for(reader.stdout.readline(), 60)
    reader.kill()
    await reader.wait()
    assert line == f"{studio.hub.number('private-project.p')} running\n".encode()
