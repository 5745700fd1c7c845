"""A real Chromium, driven by playwright-core in node: what a person does with the page, and what they see."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
DESK, PHONE = (1280, 800), (390, 844)


def missing() -> str:
    """Why there is no browser to test with; empty when there is one."""
    if program() is None:
        return "there is no Chromium: apt-get install chromium"
    if shutil.which("node") is None:
        return "there is no node: apt-get install nodejs npm"
    if not (HERE / "node_modules" / "playwright-core").is_dir():
        return "playwright-core is not installed: make browser"
    return ""


def program() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


class Failed(Exception):
    """`Failed(what)`: the browser could not do it."""


class Window:
    """One browser with one window. Every method waits until it is done, at most a minute."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def open(
        self, size: tuple[int, int] = DESK, *, scheme: str = "light", scripts: bool = True,
        cookies: Sequence[dict[str, Any]] = (),
    ) -> None:  # fmt: skip
        """Begin anew: no cookies but these, no history."""
        width, height = size
        await self._do(
            "open", width=width, height=height, scheme=scheme, scripts=scripts, cookies=list(cookies)
        )

    async def goto(self, url: str) -> int:
        """The status of the answer."""
        return int(await self._do("goto", url=url))

    async def click(self, what: str) -> None:
        await self._do("click", what=what)

    async def fill(self, what: str, text: str) -> None:
        await self._do("fill", what=what, text=text)

    async def press(self, *keys: str) -> None:
        for key in keys:
            await self._do("press", key=key)

    async def drag(self, what: str, onto: str) -> None:
        await self._do("drag", what=what, onto=onto)

    async def count(self, what: str) -> int:
        return int(await self._do("count", what=what))

    async def text(self, what: str = "body") -> str:
        """What a person reads in the first such element."""
        return str(await self._do("text", what=what))

    async def wait(self, what: str, state: str = "visible") -> None:
        """Until it is `visible`, `hidden`, `attached` or `detached`."""
        await self._do("wait", what=what, state=state)

    async def until(self, holds: str) -> None:
        """Until this JavaScript expression is true."""
        await self._do("until", holds=holds)

    async def evaluate(self, expression: str) -> Any:
        return await self._do("evaluate", expression=expression)

    async def cookies(self) -> list[dict[str, Any]]:
        return list(await self._do("cookies"))

    async def resize(self, size: tuple[int, int]) -> None:
        await self._do("size", width=size[0], height=size[1])

    async def prefer(self, scheme: str) -> None:
        """The system's colours change to `light` or `dark`."""
        await self._do("scheme", scheme=scheme)

    async def screenshot(self, path: Path, *, full: bool = True) -> None:
        await self._do("screenshot", path=str(path), full=full)

    async def address(self) -> str:
        return str(await self._do("address"))

    async def problems(self) -> list[str]:
        """What the console complained about since the last time, violations of the content security policy included."""
        return list(await self._do("problems"))

    async def _do(self, what: str, /, **values: Any) -> Any:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"do": what, **values}).encode() + b"\n")
        await self._process.stdin.drain()
        line = await self._process.stdout.readline()
        if not line:
            raise Failed(f"{what}: the browser has ended")
        answer = json.loads(line)
        if "error" in answer:
            raise Failed(f"{what} {values}: {answer['error']}")
        return answer["value"]


@asynccontextmanager
async def chromium() -> AsyncIterator[Window]:
    """Start a browser, and end it with all its processes."""
    process = await asyncio.create_subprocess_exec(
        "node", str(HERE / "driver.mjs"), str(program()),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=64 * 1024 * 1024, cwd=HERE,
    )  # fmt: skip
    try:
        yield Window(process)
    finally:
        assert process.stdin
        process.stdin.close()
        await process.wait()
