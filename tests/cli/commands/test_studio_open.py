"""`maestro studio open`: a link into the page, for this machine's own Studio and for another."""

from __future__ import annotations

import asyncio
import json
import webbrowser

import httpx
import pytest
from keyrings import installed

from maestro_cli import main
from maestro_cli.commands.studio import has_screen
from maestro_ray.studio import identity
from maestro_ray.testing import LocalStudio


@pytest.fixture
async def studio(home, daemon):
    """This home's own, which the daemon has started."""
    studio = LocalStudio(home)
    await studio.start()
    (home.run / "studio.json").write_text(json.dumps({"url": studio.url}))
    daemon.answers["studio.info"] = lambda *_: {"url": studio.url}
    tokens = (await studio.client())._tokens
    assert tokens.exists()
    with installed(None):
        yield studio
    await studio.stop()


@pytest.fixture
def maestro(capsys):
    async def maestro(*words):
        code = await asyncio.to_thread(main.run, list(words))
        told = capsys.readouterr()
        assert code == 0, told.err or told.out
        return told.out

    return maestro


async def signs_in(url: str) -> bool:
    address, _, token = url.partition("/sign-in?link=")
    async with httpx.AsyncClient(base_url=address, trust_env=False, headers={"origin": address}) as browser:
        await browser.post("/sign-in", data={"link": token})
        return (await browser.get("/")).status_code == 200


async def test_the_link_lets_a_browser_in_once(studio, maestro):
    url = (await maestro("studio", "open", "--print")).strip()
    assert url.startswith(f"{studio.url}/sign-in?link=")
    assert await signs_in(url)
    assert not await signs_in(url)


async def test_it_opens_the_browser_where_there_is_a_screen(studio, maestro, monkeypatch):
    seen = []
    monkeypatch.setattr(webbrowser, "open", lambda url: seen.append(url) or True)
    monkeypatch.setenv("DISPLAY", ":0")
    assert await maestro("studio", "open") == f"opened {studio.url}\n"
    assert await signs_in(seen[0])
    told = json.loads(await maestro("studio", "open", "--json"))
    assert (told["kind"], told["action"], told["opened"], told["expires_in"]) == ("studio", "open", True, 120)
    assert len(seen) == 2


async def test_without_a_screen_it_prints_the_link(studio, maestro, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr(webbrowser, "open", lambda _url: pytest.fail("it was told to open a browser"))
    assert await signs_in((await maestro("studio", "open")).strip())


async def test_the_page_of_another_studio(home, tmp_path, maestro):
    from maestro_ray.home import Home

    there = Home(tmp_path / "there", tmp_path / "there" / "run")
    there.prepare()
    other = LocalStudio(there)
    await other.start()
    home.prepare()
    with installed(None):
        await maestro("auth", f"{other.url}#{await other.store.write(identity.invite)}")
        url = (await maestro("studio", "open", "--print", "--studio", other.url)).strip()
    assert url.startswith(other.url)
    assert await signs_in(url)
    await other.stop()


@pytest.mark.parametrize(
    ("environ", "platform", "screen"),
    [
        ({}, "linux", False),
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({"SSH_CONNECTION": "x"}, "darwin", False),
        ({"SSH_CONNECTION": "x", "DISPLAY": "localhost:10"}, "linux", True),
    ],
)
def test_where_a_browser_can_be_shown(environ, platform, screen):
    assert has_screen(environ, platform) is screen
