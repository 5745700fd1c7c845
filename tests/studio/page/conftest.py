from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest
import pytest_asyncio
from starlette.applications import Starlette

from maestro_ray.studio.studio import Studio
from studio.pretend import PretendTeam, Rest

from .surfer import Surfer

Enter = Callable[..., Coroutine[Any, Any, Surfer]]


@pytest_asyncio.fixture
async def enter(app: Starlette, rest: Rest) -> AsyncIterator[Enter]:
    """Opens a browser as the owner, or as somebody invited with a role."""
    async with AsyncExitStack() as stack:

        async def client() -> httpx.AsyncClient:
            transport = httpx.ASGITransport(app)
            new = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8001", trust_env=False)
            return await stack.enter_async_context(new)

        async def enter(role: str = "", project: str = "*") -> Surfer:
            person = rest
            if role:
                person = Rest(await client())
                body = {"role": role, "project_id": project}
                await person.sign_in((await rest.post("auth/invites", body, status=201))["token"])
            surfer = Surfer(await client())
            await surfer.sign_in((await person.post("auth/page-link", status=201))["token"])
            return surfer

        yield enter


@pytest_asyncio.fixture
async def surfer(enter: Enter) -> Surfer:
    """The owner's browser."""
    return await enter()


@pytest_asyncio.fixture
async def team(rest: Rest) -> PretendTeam:
    return await PretendTeam.join(rest, await rest.project())


@pytest.fixture
def hub_channel(studio: Studio) -> str:
    return studio.hub.key
