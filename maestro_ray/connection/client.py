"""Studio's REST as a client sees it: one call, its answer or the error that says who is at fault."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from maestro_ray.connection.refusal import refusal
from maestro_ray.connection.tokens import TokenFile
from maestro_ray.errors import StudioUnavailable


class StudioClient:
    """Calls below `/api/v1`, authenticated. A token that was refused is renewed once per call."""

    def __init__(
        self, url: str, tokens: TokenFile, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        self.url = url
        self._tokens = tokens
        # a proxy of the shell is for the world, not for a server on this machine
        self._http = httpx.AsyncClient(
            base_url=f"{url}/api/v1/", timeout=30.0, transport=transport, trust_env=False
        )

    async def close(self) -> None:
        await self._http.aclose()

    async def get(self, path: str, **params: str) -> Any:
        return await self.call("GET", path, params=params)

    async def list(self, path: str, **params: str) -> list[Any]:
        """Every row of a list, however many pages it has."""
        rows: list[Any] = []
        more: str | None = path
        while more:
            answer = await self._answer("GET", more, params=params)
            rows += self._decoded(answer)
            more, params = answer.links.get("next", {}).get("url"), {}
        return rows

    async def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        """`key` is the Idempotency-Key that makes a repeat harmless."""
        return await self.call("POST", path, body={} if body is None else body, key=key)

    async def delete(self, path: str) -> Any:
        return await self.call("DELETE", path)

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
        (it did not), `Unauthenticated`."""
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
        token = await asyncio.to_thread(self._tokens.access_token)
        answer = await self._try(method, path, token, body, params, key)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            token = await asyncio.to_thread(self._tokens.renew, token)
            answer = await self._try(method, path, token, body, params, key)
        if not answer.is_success:
            raise refusal(answer.status_code, answer.text, path)
        return answer

    def _decoded(self, answer: httpx.Response) -> Any:
        try:
            return answer.json() if answer.content else None
        except ValueError as error:
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
        try:
            return await self._http.request(method, path, json=body, params=params, headers=headers)
        except httpx.HTTPError as error:
            raise StudioUnavailable(self.url, str(error) or type(error).__name__) from error
