"""The Studios this process speaks to, each as one or several identities, and what their connections share."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from maestro_ray.connection.ask import ask
from maestro_ray.connection.client import StudioClient, open_http
from maestro_ray.connection.doorway import Doorway
from maestro_ray.connection.login import Login
from maestro_ray.connection.signatures import Signatures
from maestro_ray.connection.system_keyring import system_keyring
from maestro_ray.connection.tokens import TokenFile


@dataclass(frozen=True)
class Access:
    """One identity at one Studio, open: shared by all its project connections."""

    login: Login
    rest: StudioClient
    signatures: Signatures
    doorway: Doorway
    secure: ssl.SSLContext | None


class Studios:
    """One HTTP client and one doorway for each Studio; for each identity there one set of tokens, kept fresh."""

    def __init__(self) -> None:
        self._doors: dict[str, tuple[httpx.AsyncClient, Doorway]] = {}
        self._open: dict[Login, Access] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._context: ssl.SSLContext | None = None

    def access(self, login: Login) -> Access:
        """The one of this login, opened when it is first asked for. Needs a running event loop."""
        if login not in self._open:
            http, doorway = self._door(login.url)
            tokens = TokenFile(Path(login.tokens), _poster(login.url), system_keyring)
            rest = StudioClient(login.url, tokens, http=http, heard=doorway.heard)
            self._open[login] = Access(login, rest, Signatures(rest), doorway, self._secure(login.ws_url))
            self._tasks.append(asyncio.get_running_loop().create_task(rest.keep_fresh()))
        return self._open[login]

    async def close(self) -> None:
        """Nobody may use what was given out any more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for access in self._open.values():
            await access.signatures.close()
            await access.rest.close()
        for http, _ in self._doors.values():
            await http.aclose()

    def _door(self, url: str) -> tuple[httpx.AsyncClient, Doorway]:
        place = urlsplit(url).netloc
        if place not in self._doors:
            self._doors[place] = open_http(secure=self._secure(url) or False), Doorway.to(url)
        return self._doors[place]

    def _secure(self, url: str) -> ssl.SSLContext | None:
        """One context for all: each would hold the machine's certificates, a megabyte, for itself."""
        if urlsplit(url).scheme not in ("https", "wss"):
            return None
        self._context = self._context or ssl.create_default_context()
        return self._context


def _poster(url: str) -> Callable[[str, dict[str, Any]], dict[str, Any]]:
    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        return dict(ask("POST", f"{url}/api/v1/{path}", body))

    return post
