"""Studio's process: which one is ours and whole, and where it comes back."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from maestro_ray.agent.sweep import alive, find
from maestro_ray.daemon import studio_process as module
from maestro_ray.daemon.studio_process import StudioProcess
from maestro_ray.errors import Reported, StudioUnavailable
from maestro_ray.home import Home

from .left import killed, left, who


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    monkeypatch.setattr(module, "GRACE", 1.0)
    # as a Studio of its own process finds it
    home = Home.find({"MAESTRO_HOME": str(tmp_path / "home")})
    home.prepare()
    yield home
    shutil.rmtree(home.run)


@pytest.fixture
async def studio(home: Home) -> AsyncIterator[StudioProcess]:
    studio = StudioProcess(home)
    yield studio
    await studio.end(None)
    assert find(f"{home.instance}:") == []


def keep(home: Home, pid: int) -> None:
    (home.run / "studio.json").write_text(json.dumps({"pid": pid, "url": "u", "version": "v"}))


async def test_one_that_is_kept_and_marked_is_found(home: Home, studio: StudioProcess) -> None:
    assert await studio.find() is None
    with left("python", mark=f"{home.instance}:studio:") as process:
        keep(home, process.pid)
        found = await studio.find()
        assert found is not None
        assert (found.process, found.answer["url"]) == (who(process), "u")
        await studio.end(found)
        await killed(process)
    assert not (home.run / "studio.json").exists()
    assert await studio.find() is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"pid": "x"}', '{"pid": 4194999}'])
async def test_what_is_kept_and_cannot_be_is_none(home: Home, studio: StudioProcess, text: str) -> None:
    (home.run / "studio.json").write_text(text)
    assert await studio.find() is None


async def test_a_process_of_another_home_is_no_studio_of_ours(home: Home, studio: StudioProcess) -> None:
    with left("python", mark="other:studio:") as process:
        keep(home, process.pid)
        assert await studio.find() is None
        await studio.end(None)
        assert alive(who(process))


async def test_what_a_start_that_was_cut_has_left_is_ended(home: Home, studio: StudioProcess) -> None:
    """Nothing is kept of it, or something is kept of another."""
    with left("python", mark=f"{home.instance}:studio:") as one:
        assert await studio.find() is None
        with left("python", mark=f"{home.instance}:studio:") as two:
            keep(home, two.pid)
            assert await studio.find() is None
            await studio.end(None)
            await killed(one)
            await killed(two)


async def test_one_that_was_seen_comes_back_where_it_was_or_says_why_not(
    home: Home, studio: StudioProcess
) -> None:
    """Connections was told once where Studio is: at another address it would never be found."""
    first = await studio.start()
    port = int(first.answer["url"].rpartition(":")[2])
    await studio.end(first)
    again = await studio.start()
    assert {**again.answer, "pid": 0} == {**first.answer, "pid": 0}
    await studio.end(again)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(Reported) as caught:
            await studio.start()
        assert (caught.value.kind, str(port) in str(caught.value)) == ("port_taken", True)
        # a daemon that has neither Studio nor a Ray node that heard of it may choose
        fresh = StudioProcess(home)
        elsewhere = await fresh.start()
        assert not elsewhere.answer["url"].endswith(f":{port}")
        await fresh.end(elsewhere)


async def test_one_that_cannot_be_signed_in_to_has_been_seen_all_the_same(
    home: Home, studio: StudioProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_home: Home, url: str) -> None:
        raise StudioUnavailable(url, "timed out")

    monkeypatch.setattr(module, "sign_in", away)
    with pytest.raises(StudioUnavailable):
        await studio.start()
    assert studio.stays
