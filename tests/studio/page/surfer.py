"""A browser without a screen: it keeps cookies, follows redirects, and sends forms as they stand in a page."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx

ORIGIN = {"origin": "http://127.0.0.1:8001"}


class Surfer:
    """`page` is the text of the last answer, `status` its status, `at` its path."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.page = ""
        self.status = 0
        self.at = ""
        self.answer: httpx.Response

    async def open(self, path: str, *, status: int = 200) -> str:
        self._saw(await self.http.get(path, follow_redirects=True))
        assert self.status == status, f"{path}: {self.status} {self.page}"
        return self.page

    async def post(self, path: str, fields: dict[str, Any], *, status: int = 200, **headers: str) -> str:
        """Send these fields as they are."""
        answer = await self.http.post(path, data=fields, headers={**ORIGIN, **headers}, follow_redirects=True)
        self._saw(answer)
        assert self.status == status, f"{path}: {self.status} {self.page}"
        return self.page

    async def submit(self, action: str, *, status: int = 200, **fields: str) -> str:
        """Send the form with this address that stands in the page, with its hidden fields and these."""
        return await self.post(action, {**self.hidden(action), **fields}, status=status)

    def hidden(self, action: str) -> dict[str, str]:
        """The fields of the first form with this address, as they stand in the page."""
        elements = self.elements()
        begin = next(
            n for n, (tag, at) in enumerate(elements) if tag == "form" and at.get("action") == action
        )
        fields: dict[str, str] = {}
        for tag, at in elements[begin + 1 :]:
            if tag == "form":
                break
            if tag == "input" and "name" in at:
                fields[at["name"]] = at.get("value", "")
        return fields

    def forms(self) -> set[str]:
        """The addresses of the forms in the page."""
        return {at["action"] for tag, at in self.elements() if tag == "form"}

    def elements(self) -> list[tuple[str, dict[str, str]]]:
        """Every element of the page with its attributes, as a browser's parser finds them."""
        found: list[tuple[str, dict[str, str]]] = []
        parser = HTMLParser()
        parser.handle_starttag = lambda tag, attributes: found.append(
            (tag, {k: v or "" for k, v in attributes})
        )  # type: ignore[method-assign]
        parser.feed(self.page)
        parser.close()
        return found

    def text(self) -> str:
        """What a person reads: no marks, single spaces."""
        body = re.sub(r"<(script|style)\b.*?</\1>", " ", self.page, flags=re.DOTALL)
        return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", body))).strip()

    async def sign_in(self, link: str) -> None:
        await self.post("/sign-in", {"link": link})

    def _saw(self, answer: httpx.Response) -> None:
        self.answer, self.page, self.status = answer, answer.text, answer.status_code
        self.at = urlsplit(str(answer.url)).path
