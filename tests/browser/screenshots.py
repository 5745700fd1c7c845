"""Takes the pictures of the documentation: `python -m tests.browser.screenshots [NAME…]`."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests")]

from browser.chromium import DESK, PHONE, Window, chromium, missing  # noqa: E402 - the tests' directory is a root of theirs
from browser.picture import shrink  # noqa: E402
from browser.scene import Scene, play, say  # noqa: E402
from maestro_ray.config import Config  # noqa: E402
from maestro_ray.home import Home  # noqa: E402
from maestro_ray.testing import LocalStudio  # noqa: E402

PICTURES = ROOT / "docs" / "screenshots"
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
        async with httpx.AsyncClient(base_url=studio.url, trust_env=False) as http, chromium() as window:
            scene = await play(studio, http)
            for look, (size, scheme) in LOOKS.items():
                await window.open(size, scheme=scheme)
                await pictures(window, studio, scene, look, names)
        await studio.stop()
    with ProcessPoolExecutor() as pool:
        taken = [
            path for path in PICTURES.glob("*.png") if not names or path.stem.rpartition("-")[0] in names
        ]
        list(pool.map(shrink, taken))


async def pictures(window: Window, studio: LocalStudio, scene: Scene, look: str, names: list[str]) -> None:
    """Every page in one look, the sign-in page first."""
    await window.goto(f"{studio.url}/sign-in")
    if not names or "sign-in" in names:
        await window.screenshot(PICTURES / f"sign-in-{look}.png", full=False)
    link = await scene.rest.post("auth/page-link", status=201)
    await window.goto(link["url"])
    await window.wait("h1:has-text('Projects')")
    for name, path in scene.views().items():
        if names and name not in names:
            continue
        await window.goto(f"{studio.url}{path}")
        await window.wait("#link-state[data-state=connected]")
        if name == "team":
            await window.until("document.querySelectorAll('[data-part]').length > 3")
            await asyncio.sleep(0.3)
            await say(studio, scene)
            await window.until("document.querySelector('[data-output]').textContent.length > 20")
        await window.screenshot(PICTURES / f"{name}-{look}.png")
    for problem in await window.problems():
        print(f"{look}: {problem}", file=sys.stderr)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
