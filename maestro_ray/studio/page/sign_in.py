"""Signing in with a one-time link, signing out, and light or dark."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from maestro_ray.errors import MaestroError
from maestro_ray.studio import browser
from maestro_ray.studio.api.problem import status_of
from maestro_ray.studio.page import form, visitor
from maestro_ray.studio.page.headers import guard
from maestro_ray.studio.page.render import render
from maestro_ray.studio.page.view import refusal, theme
from maestro_ray.studio.studio import Studio

YEAR = 365 * 24 * 3600


async def ask(request: Request) -> Response:
    """The page that asks for a link; with one in the address it only asks for a press of the button.

    A link is not used up by a GET: what looks ahead at addresses would use it up before its person does.
    """
    return _page(request, request.query_params.get("link", ""), request.query_params.get("next", "/"))


async def enter(request: Request) -> Response:
    """Let the browser in."""
    studio: Studio = request.app.state.studio
    fields: form.Fields = {}
    try:
        visitor.from_the_page(request)
        fields = await form.read(request)
        token = token_in(fields.get("link", ""))
        studio.door.knock(request.client.host if request.client else "", token)
        cookie = await studio.store.write(browser.enter, token)
    except MaestroError as error:
        return _page(request, "", fields.get("next", "/"), str(error), status_of(error))
    answer = RedirectResponse(form.local(fields.get("next", "/")), 303)
    visitor.remember(studio, request, answer, cookie)
    return guard(request, answer)


async def leave(request: Request) -> Response:
    """Sign this browser out."""
    studio: Studio = request.app.state.studio
    try:
        await form.signed(studio, request)
    except MaestroError as error:
        return refusal(request, error)
    await studio.store.write(browser.leave, visitor.cookie(studio, request))
    answer = RedirectResponse("/sign-in", 303)
    visitor.forget(studio, answer)
    return guard(request, answer)


async def choose_theme(request: Request) -> Response:
    """Remember light or dark in this browser; anything else forgets it."""
    try:
        visitor.from_the_page(request)
        fields = await form.read(request)
    except MaestroError as error:
        return refusal(request, error)
    answer = RedirectResponse(form.local(fields.get("back", "/")), 303)
    chosen = fields.get("theme", "")
    if chosen in ("light", "dark"):
        answer.set_cookie("maestro-theme", chosen, max_age=YEAR, samesite="strict")
    else:
        answer.delete_cookie("maestro-theme", samesite="strict")
    return guard(request, answer)


def token_in(text: str) -> str:
    """The token in what a person pasted: a whole link, or the token alone."""
    text = text.strip()
    if "link=" not in text:
        return text
    try:
        return parse_qs(urlsplit(text).query).get("link", [""])[-1]
    except ValueError:
        return text


def _page(request: Request, link: str, following: str, error: str = "", status: int = 200) -> Response:
    facts = {"link": link, "next": form.local(following), "error": error, "here": "/sign-in"}
    text = render("sign_in.html", **facts, theme=theme(request), visitor=None)
    return guard(request, HTMLResponse(text, status))
