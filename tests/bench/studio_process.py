"""A real Studio for the benchmarks, with as many projects as are asked for: `python studio_process.py HOME PROJECTS PORT`.

It says where it is in one line of JSON, then answers commands on its input: `publish N` sends N events to the channel
of the first project.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from maestro_ray.home import Home
from maestro_ray.ids import new_id
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction
from maestro_ray.testing import LocalStudio


async def serve(directory: str, count: int, port: int) -> None:
    home = Home(Path(directory), Path(directory) / "run")
    home.prepare()
    studio = LocalStudio(home)
    studio._port = port
    await studio.start()
    projects = await studio.store.write(_furnish, count)
    await (await studio.client()).close()  # signs in: the tokens lie in the home
    where = {"url": studio.url, "ws_url": studio.ws_url, "secret": studio.hub.secret, "projects": projects}
    print(json.dumps(where), flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        for _ in range(int(line.split()[1])):
            studio.hub.publish(f"private-project.{projects[0]}", "task.updated", {"task": {"id": new_id()}})
            await asyncio.sleep(0)
    await studio.stop()


def _furnish(tx: Transaction, count: int) -> list[str]:
    known = [str(row["id"]) for row in tx.all(t.projects.select().order_by(t.projects.c.id))]
    fresh = range(len(known), count)
    return known + [tx.insert(t.projects, key=f"local:bench/{n:04}", name=str(n)) for n in fresh]


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
