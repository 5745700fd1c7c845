"""Takes the pictures of the documentation: `python -m tests.browser.screenshots [NAME…]`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from browser.chromium import DESK, PHONE, Window, chromium, missing  # noqa: E402 - the tests' directory is a root of theirs
from browser.night import fall  # noqa: E402
from browser.picture import shrink  # noqa: E402
from browser.scene import Scene, play, say  # noqa: E402
from maestro_ray.config import Config  # noqa: E402
from maestro_ray.home import Home  # noqa: E402
from maestro_ray.testing import LocalStudio  # noqa: E402

PICTURES = ROOT / "docs" / "screenshots"
# of a long page as much as is worth its bytes, from here on
CUT, BEGIN = 1200, {"night": "#part-roster"}
LOOKS = {"light": (DESK, "light"), "dark": (DESK, "dark"), "phone": (PHONE, "light")}


async def main(names: list[str]) -> None:
    if why := missing():
        sys.exit(why)
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory:
        home = Home(Path(directory), Path(directory) / "run")
        home.prepare()
        studio = LocalStudio(home, Config(session_lease=900))
        await studio.start()
        async with (
            httpx.AsyncClient(base_url=studio.url, trust_env=False, timeout=60) as http,
            chromium() as window,
        ):
            scene = await play(studio, http)
            for begin in (_day, _night):
                views = await begin(studio, scene)
                for look, (size, scheme) in LOOKS.items():
                    await window.open(size, scheme=scheme)
                    chosen = {name: path for name, path in views.items() if not names or name in names}
                    await pictures(window, studio, scene, look, chosen)
        await studio.stop()
    with ProcessPoolExecutor() as pool:
        taken = [
            path for path in PICTURES.glob("*.png") if not names or path.stem.rpartition("-")[0] in names
        ]
        list(pool.map(shrink, taken))


async def _day(_studio: LocalStudio, scene: Scene) -> Mapping[str, str]:
    return {"sign-in": "/sign-in", **scene.views()}


async def _night(studio: LocalStudio, scene: Scene) -> Mapping[str, str]:
    return (await fall(studio, scene)).views


async def pictures(
    window: Window, studio: LocalStudio, scene: Scene, look: str, views: Mapping[str, str]
) -> None:
    """These pages in one look, the sign-in page before anybody is signed in."""
    if "sign-in" in views:
        await window.goto(f"{studio.url}/sign-in")
        await window.screenshot(PICTURES / f"sign-in-{look}.png", full=False)
    link = await scene.rest.post("auth/page-link", status=201)
    await window.goto(link["url"])
    await window.wait("h1:has-text('Projects')")
    for name, path in views.items():
        if name == "sign-in":
            continue
        await window.goto(f"{studio.url}{path}")
        await window.wait("#link-state[data-state=connected]")
        if name == "team":
            await window.until("document.querySelectorAll('[data-part]').length > 3")
            await asyncio.sleep(0.3)
            await say(studio, scene)
            await window.until("document.querySelector('[data-output]').textContent.length > 20")
        if name in BEGIN:
            await window.resize((LOOKS[look][0][0], CUT))
            await window.evaluate(f"document.querySelector('{BEGIN[name]}').scrollIntoView()")
        await window.screenshot(PICTURES / f"{name}-{look}.png", full=name not in BEGIN)
    for problem in await window.problems():
        print(f"{look}: {problem}", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
