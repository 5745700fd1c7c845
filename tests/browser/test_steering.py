"""A directive from the page to a real worker, and what its agent prints back on the page: a whole team without Ray."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from actors.conftest import home, nobody, sample  # noqa: F401 - its machine, on which git knows nobody
from actors.stage import APPROVE, begin, end
from workspace.sample import Sample

from maestro_ray.config import Config, SandboxTable
from maestro_ray.home import Home
from maestro_ray.studio import browser
from maestro_ray.testing import LocalMaestro

from .chromium import Window

# hears directives in its next prompt: it fails until one has come, and is tried again
LISTENER = """command:sh -c 'echo "I am $MAESTRO_KEY"; if grep -q "Keep the public API" "$MAESTRO_PROMPT_FILE"; \
then echo x > heard.txt; echo "It was heard."; else until [ -e {gate} ]; do sleep 0.02; done; exit 1; fi'"""


@pytest_asyncio.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:  # noqa: F811
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, attempts=5, sandbox=SandboxTable("off"))
    async with LocalMaestro(home, config=config) as maestro:
        yield maestro


async def signed_in(maestro: LocalMaestro, window: Window) -> None:
    client = await maestro.studio.client()
    me = await client.get("me")
    await client.close()
    link = await maestro.studio.store.write(browser.link, me["id"])
    await window.goto(f"{maestro.studio.url}/sign-in?link={link}")
    await window.wait("h1:has-text('Projects')")


@pytest.mark.usefixtures("nobody")
async def test_a_directive_added_on_the_page_reaches_a_worker(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path, window: Window  # noqa: F811
) -> None:  # fmt: skip
    gate = tmp_path / "gate"
    providers = {"dev": LISTENER.format(gate=gate), "review": APPROVE}
    team = (await begin(maestro, sample, providers=providers))["team"]
    await maestro.until("run.started", purpose="execute")
    await signed_in(maestro, window)
    await window.goto(f"{maestro.studio.url}/teams/{team['id']}")
    await window.wait("[data-output]:has-text('I am one')")
    await window.fill("#directive", "Keep the public API as it is.")
    await window.click("button:has-text('Add directive')")
    await window.wait("#part-steering:has-text('Keep the public API as it is.')")
    assert await window.evaluate("document.getElementById('directive').value") == ""
    await maestro.until("directive", text="Keep the public API as it is.")
    gate.touch()
    await maestro.until("receipt", worker="dev-1")
    await window.wait("#part-steering:has-text('heard by')")  # by one, or by the reviewer as well
    await window.wait("#part-channel:has-text('⚑ delivered (next-turn)')")
    await window.wait("#part-verdicts:has-text('APPROVED')")
    assert (await end(maestro))["status"] == "completed"
    assert "heard.txt" in sample.files("main")
    assert await window.problems() == []
