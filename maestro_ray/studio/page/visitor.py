"""Who looks at the page: the browser behind a cookie, and whether a request is the page's own."""

from __future__ import annotations

import hmac

from starlette.requests import Request
from starlette.responses import Response

from maestro_ray.errors import Forbidden, Unauthenticated
from maestro_ray.studio import browser, origin
from maestro_ray.studio.browser import Browser
from maestro_ray.studio.studio import Studio


def cookie_name(studio: Studio) -> str:
    """Cookies ignore ports: two Studios of one machine would overwrite each other's."""
    return f"maestro-{studio.hub.key[:8]}"


def cookie(studio: Studio, request: Request) -> str:
    return request.cookies.get(cookie_name(studio), "")


async def find(studio: Studio, request: Request) -> Browser:
    """The browser that asks. Raises `Unauthenticated`."""
    value = cookie(studio, request)
    if not value:
        raise Unauthenticated("this browser is not signed in")
    return await studio.store.read(browser.find, value)


def from_the_page(request: Request) -> None:
    """Raises `Forbidden` unless the browser says that a page of this Studio made the request."""
    if not origin.ours(request.headers):
        raise Forbidden("do this from another site's page")


def check_form(visitor: Browser, token: str) -> None:
    """Raises `Forbidden` for a form that this browser was not given."""
    if not hmac.compare_digest(visitor.form_token.encode(), token.encode("utf-8", "replace")):
        raise Forbidden("send a form of another sign-in", "load the page again")


def remember(studio: Studio, request: Request, answer: Response, value: str) -> None:
    """Give the browser its cookie: for this Studio's own pages only, and out of reach of scripts."""
    answer.set_cookie(
        cookie_name(studio),
        value,
        max_age=browser.STAY_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def forget(studio: Studio, answer: Response) -> None:
    answer.delete_cookie(cookie_name(studio), httponly=True, samesite="strict")
