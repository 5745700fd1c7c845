"""A kind of agent that another installed package brings does the work of a team."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from actors.stage import APPROVE, begin, end, nothing_left
from workspace.sample import Sample

from maestro_ray.config import Config, SandboxTable
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

# all that such a package needs: a class that takes a spec and is a `maestro_ray.ports.Provider`
PACKAGE = """
from maestro_ray.errors import BadProvider
from maestro_ray.model.agent import Failed, Finished, Said
from maestro_ray.model.steering import How
from maestro_ray.ports import Launch


class Talk:
    steering = How.NEXT_TURN

    def __init__(self, job, words):
        self.launch = Launch(("sh", "-c", f"echo {words} > {job.key}.txt; echo written"))

    def feed(self, data):
        return [Said(data.decode())]

    def exited(self, code, stderr):
        return [Finished("by a robot") if code == 0 else Failed(stderr)]

    def steer(self, directive, text):
        return None

    def answer(self, request, refusal):
        return b""


class Robot:
    account = "robots"

    def __init__(self, spec):
        if not spec.arg:
            raise BadProvider(spec.kind, "it needs its words")
        self.words = spec.arg

    def check(self, path, role):
        pass

    def environment(self):
        return ()

    def open(self, job):
        return Talk(job, self.words)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    info = tmp_path / "site" / "robots-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: robots\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[maestro.providers]\nrobot = the_robots:Robot\n")
    (tmp_path / "site" / "the_robots.py").write_text(PACKAGE)
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield
    sys.modules.pop("the_robots", None)


@pytest.mark.usefixtures("installed")
async def test_a_team_works_with_the_adapter_of_a_package(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    sample = Sample.make(tmp_path / "project")
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=SandboxTable("off"))
    async with LocalMaestro(home, config=config) as maestro:
        answer = await begin(maestro, sample, providers={"dev": "robot:beep", "review": APPROVE})
        assert [each["name"] for each in answer["workers"]] == ["dev-1", "review-1"]
        assert (await end(maestro))["status"] == "completed"
    assert sample.git("show", "main:one.txt") == "beep"
    nothing_left(home, sample)
