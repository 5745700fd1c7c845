from __future__ import annotations

import httpx
import pytest

from .door import closed_door


async def test_nobody_gets_out_and_it_is_known_where_they_wanted():
    async with closed_door() as door, httpx.AsyncClient(proxy=door.env["HTTPS_PROXY"], timeout=10) as client:
        with pytest.raises(httpx.ProxyError):
            await client.get("https://example.org/")
        assert (await client.get("http://example.org/")).status_code == 403

    assert door.wanted == ["example.org:443", "http://example.org/"]


async def test_programs_are_told_in_both_spellings():
    async with closed_door() as door:
        assert door.env["http_proxy"] == door.env["HTTPS_PROXY"]
        assert door.env["NO_PROXY"] == "127.0.0.1,localhost"
