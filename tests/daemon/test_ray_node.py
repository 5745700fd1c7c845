"""What is left of a node, told from what is whole: pretended by processes with the command lines of Ray's."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.agent.sweep import alive
from maestro_ray.daemon.ray_environment import node_mark
from maestro_ray.daemon.ray_node import RayNode, RayProcesses
from maestro_ray.home import Home

from .left import killed, left, who


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    return home


async def test_a_whole_node_is_found_by_what_was_kept_of_it(home: Home) -> None:
    directory = f"--temp-dir={home.ray_directory}"
    ray = RayProcesses(home)
    assert await ray.find() is None
    with left("gcs_server", directory) as gcs, left("raylet", directory) as raylet:
        processes = {"gcs_server": who(gcs), "raylet": who(raylet)}
        RayNode("127.0.0.1:1", processes, {"import": 0.5}).save(home)
        node = await ray.find()
        assert node is not None
        assert (node.address, node.processes, node.timings) == ("127.0.0.1:1", processes, {"import": 0.5})
        gcs.kill()
        gcs.wait()
        assert await ray.find() is None
        await ray.end(node)
        await killed(raylet)
    assert not (home.run / "node.json").exists()


async def test_what_a_start_that_was_cut_has_left_is_ended_with_the_start_itself(home: Home) -> None:
    """The daemon was killed before the boot told it of the node: nothing was kept, and the boot goes on."""
    directory = f"--temp-dir={home.ray_directory}"
    ray = RayProcesses(home)
    with (
        left("gcs_server", directory, mark=node_mark(home)) as gcs,
        left("raylet", directory, mark=node_mark(home)) as raylet,
        left("python", "-m", "maestro_ray.actors.boot", mark=node_mark(home)) as boot,
        left("raylet", "--temp-dir=/tmp/somebody-elses") as other,
    ):
        assert await ray.find() is None
        await ray.end(None)
        for each in (gcs, raylet, boot):
            await killed(each)
        assert alive(who(other))
    await ray.end(None)


async def test_whoever_looks_into_the_logs_of_a_node_is_nobody_of_it(home: Home) -> None:
    """The switch: without the mark in `ray_node._find` the person's program is killed."""
    log = str(home.ray_directory / "session_latest" / "logs" / "raylet.out")
    with left("tail", log) as stranger, left("raylet", log, mark=node_mark(home)) as raylet:
        await RayProcesses(home).end(None)
        await killed(raylet)
        assert alive(who(stranger))


async def test_a_boot_that_has_started_nothing_yet_is_ended_too(home: Home) -> None:
    with left("python", mark=node_mark(home)) as boot, left("python", mark="other:node:ray") as other:
        await RayProcesses(home).end(None)
        await killed(boot)
        assert alive(who(other))
