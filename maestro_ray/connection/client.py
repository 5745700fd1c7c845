"""Studio's REST as a client sees it: one call, its answer or the error that says who is at fault."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from maestro_ray.connection.refusal import refusal
from maestro_ray.connection.tokens import MARGIN, TokenFile
from maestro_ray.errors import StudioUnavailable, Unauthenticated, Unsendable

log = logging.getLogger(__name__)

# what a token may still be taken for good without looking at it again, in seconds
TRUSTED = MARGIN / 2
# what an answer may hold at most, in bytes
LARGEST_ANSWER = 64 * 1024 * 1024


class Rest(ABC):
    """The calls of Studio's REST, wherever they are made."""

    async def get(self, path: str, **params: str) -> Any:
        return await self.call("GET", path, params=params)

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        """`key` is the Idempotency-Key that makes a repeat harmless."""
        return await self.call("POST", path, body={} if body is None else body, key=key)

    async def delete(self, path: str) -> Any:
        return await self.call("DELETE", path)

    @abstractmethod
    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        key: str = "",
    ) -> Any:
        """The decoded answer. Raises `StudioUnavailable` (it may have taken effect), `StudioRefused` or `StaleEpoch`
        (it did not), `Unauthenticated`, `Unsendable` for a body that is not plain JSON."""


class StudioClient(Rest):
    """Calls below `/api/v1`, authenticated. A token that was refused is renewed once per call."""

    def __init__(
        self,
        url: str,
        tokens: TokenFile,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        http: httpx.AsyncClient | None = None,
        heard: Callable[[], None] = lambda: None,
    ) -> None:
        """`http` is shared with others and theirs to close. `heard()` is told of every answer."""
        self.url = url
        self._tokens = tokens
        self._token, self._trusted_until = "", 0.0
        self._renewing = asyncio.Lock()
        # a thread of its own: a Studio that hangs while it renews keeps nobody else's work waiting
        self._thread = ThreadPoolExecutor(1, "tokens")
        self._http = http or open_http(transport)
        self._shared = http is not None
        self._heard = heard

    async def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)
        if not self._shared:
            await self._http.aclose()

    async def list(self, path: str, **params: str) -> list[Any]:
        """Every row of a list, however many pages it has."""
        answer = await self._answer("GET", path, params=params)
        rows: list[Any] = list(self._decoded(answer))
        while more := self._next_page(answer):
            answer = await self._answer("GET", more)
            rows += self._decoded(answer)
        return rows

    def _next_page(self, answer: httpx.Response) -> str:
        """Its whole address; empty after the last. Never at another server: the token would go there."""
        if not (link := answer.links.get("next", {}).get("url")):
            return ""
        try:
            page = answer.url.join(link)
        except (httpx.InvalidURL, ValueError) as error:
            raise StudioUnavailable(self.url, "its next page has no address: is this Studio?") from error
        if (page.scheme, page.netloc) != (answer.url.scheme, answer.url.netloc):
            raise StudioUnavailable(self.url, "its next page is at another server: is this Studio?")
        return str(page)

    async def keep_fresh(self) -> None:
        """Renew the access token before it ends, for ever, also while nobody asks for anything; cancel it to end.

        No socket is touched by it: a channel's signature outlives the token it was asked for with.
        """
        while True:
            try:
                await self._fresh()
            except Exception as error:  # noqa: BLE001 - it is tried again, and whoever needs a token learns why not
                log.info("no fresh token for %s: %r", self.url, error)
            await asyncio.sleep(TRUSTED)

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        key: str = "",
    ) -> Any:
        return self._decoded(await self._answer(method, path, body=body, params=params, key=key))

    async def _answer(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        key: str = "",
    ) -> httpx.Response:
        token = await self._fresh()
        answer = await self._try(method, path, token, body, params, key)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            token = await self._fresh(refused=token)
            answer = await self._try(method, path, token, body, params, key)
        if not answer.is_success:
            raise refusal(answer.status_code, answer.text, path)
        return answer

    async def _fresh(self, refused: str = "") -> str:
        """A token other than `refused`. Of all who ask at once one looks, and the others take what it found."""
        async with self._renewing:
            if time.monotonic() > self._trusted_until or self._token == refused:
                find = (self._tokens.renew, refused) if refused else (self._tokens.access_token,)
                self._token = await self._found(*find)
                self._trusted_until = time.monotonic() + TRUSTED
            return self._token

    async def _found(self, find: Callable[..., str], *refused: str) -> str:
        """In the thread. A full disk or an answer that is cut short is no token, and no other kind of error."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, find, *refused)
        except (OSError, LookupError, ValueError, TypeError) as error:
            raise Unauthenticated(f"the tokens cannot be renewed ({error!r})") from error

    def _decoded(self, answer: httpx.Response) -> Any:
        try:
            return answer.json() if answer.content else None
        except (ValueError, RecursionError) as error:
            raise StudioUnavailable(self.url, "its answer is not JSON: is this Studio?") from error

    async def authorise(self, socket_id: str, channel: str) -> str:
        """Pusher's signature for a private channel. Raises what `call` raises."""
        body = {"socket_id": socket_id, "channel_name": channel}
        match await self.call("POST", f"{self.url}/broadcasting/auth", body=body):
            case {"auth": str(auth)}:
                return auth
            case _:
                raise StudioUnavailable(self.url, "its answer holds no signature: is this Studio?")

    async def _try(
        self,
        method: str,
        path: str,
        token: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, str] | None,
        key: str,
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
        address = path if "://" in path else f"{self.url}/api/v1/{path}"
        try:
            # no params at all, for httpx takes {} to mean that the address's own are to go
            request = self._http.build_request(
                method, address, json=body, params=params or None, headers=headers
            )
        except (ValueError, TypeError, RecursionError, httpx.InvalidURL) as error:
            raise Unsendable(path, ascii(str(error))) from error
        try:
            # httpx counts its seconds for each wait; an answer that comes a byte at a time would never end
            async with asyncio.timeout(self._within()):
                answer = await self._read(await self._http.send(request, stream=True))
        except (httpx.HTTPError, OSError) as error:
            raise StudioUnavailable(self.url, str(error) or type(error).__name__) from error
        self._heard()
        return answer

    def _within(self) -> float | None:
        """A call as a whole may take twice as long as one wait of it, in seconds."""
        wait = self._http.timeout.read
        return None if wait is None else 2 * wait

    async def _read(self, answer: httpx.Response) -> httpx.Response:
        """The same with its body read. Raises `OSError` for one that is too large."""
        raw = bytearray()
        async with contextlib.aclosing(answer):
            async for piece in answer.aiter_bytes():
                raw += piece
                if len(raw) > LARGEST_ANSWER:
                    raise OSError("its answer is too large")
        links = {"link": answer.headers["link"]} if "link" in answer.headers else {}
        return httpx.Response(answer.status_code, headers=links, content=bytes(raw), request=answer.request)


def open_http(
    transport: httpx.AsyncBaseTransport | None = None, secure: ssl.SSLContext | bool = True
) -> httpx.AsyncClient:
    """Connections to one Studio, for any number of callers. `secure` is how its certificate is checked."""
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=32)
    # a proxy of the shell is for the world, not for a server on this machine
    return httpx.AsyncClient(timeout=30.0, transport=transport, trust_env=False, verify=secure, limits=limits)
