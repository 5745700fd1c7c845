"""One page: a frame around parts, each of which is read, rendered and renewed on its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from maestro_ray.errors import MaestroError, NotFound, Reported, Unauthenticated
from maestro_ray.model.access import Action, Caller
from maestro_ray.studio import schema as t
from maestro_ray.studio.api import problem
from maestro_ray.studio.api.call import Rest, project_of
from maestro_ray.studio.api.decode import refuse_nul_in_address
from maestro_ray.studio.api.problem import no_route, status_of
from maestro_ray.studio.browser import Browser
from maestro_ray.studio.page import visitor
from maestro_ray.studio.page.headers import guard
from maestro_ray.studio.page.render import render
from maestro_ray.studio.store import Transaction
from maestro_ray.studio.studio import Studio


@dataclass(frozen=True)
class Ask:
    """What is asked for: by whom, about which row (`id`) of which project (`*` for all), with what in the query."""

    caller: Caller
    project: str
    id: str
    query: Mapping[str, str]
    lease: float
    # what a run said last
    tail: Callable[[str], str]
    # when a run spoke last, and after how many seconds that is long ago
    heard: Callable[[str], float]
    silence: float

    def may(self, action: str) -> bool:
        return self.caller.may(Action(action), self.project)

    def visible(self, column: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
        """The condition that keeps the projects of others out of a query."""
        projects = self.caller.projects()
        return sa.true() if projects is None else column.in_(projects)


Read = Callable[[Transaction, Ask], Mapping[str, Any]]


@dataclass(frozen=True)
class Part:
    """A piece of a page. It is read again when an event whose name begins with one of `on` has come, and `every` so
    many seconds, 0 for never."""

    read: Read
    on: Sequence[str] = ()
    every: int = 0


def _waiting(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    """How many cards wait for an answer: it stands at the top of every page."""
    query = sa.select(sa.func.count()).where(t.decisions.c.status == "open")
    return {"count": tx.execute(query.where(ask.visible(t.decisions.c.project_id))).scalar_one()}


WAITING = Part(_waiting, on=("decision.",))


@dataclass(frozen=True)
class View:
    """A page at `path`. `about` is the table whose row `{id}` names.

    `frame` reads what the page says around its parts: `title`, `trail` (pairs of words and address), `channels`.
    """

    name: str
    path: str
    frame: Read
    parts: Mapping[str, Part] = field(default_factory=dict)
    action: Action = Action.READ
    about: sa.Table | None = None

    async def __call__(self, request: Request) -> Response:
        """Starlette's endpoint: the page, or with `?part=` only those parts of it."""
        studio: Studio = request.app.state.studio
        try:
            refuse_nul_in_address(request)
            who = await visitor.find(studio, request)
            ask = await self.ask(studio, request, who)
            wanted = request.query_params.getlist("part")
            if wanted:
                return guard(request, HTMLResponse(await self._some(studio, request, who, ask, wanted)))
            return guard(request, HTMLResponse(await self.page(studio, request, who, ask)))
        except Unauthenticated as error:
            return guard(request, _to_sign_in(request, error))
        except MaestroError as error:
            return refusal(request, error)

    async def ask(self, studio: Studio, request: Request, who: Browser) -> Ask:
        """Raises what the REST call of the same thing would raise."""
        rest = Rest("GET", self.path, _no_call, self.action, self.about, listing=self._listing)
        project = await rest.permit(studio, request, who.caller, None)
        identifier = str(request.path_params.get("id", ""))
        if self.about is not None:
            project = await studio.store.read(project_of, self.about, identifier)
        query, lease = request.query_params, studio.config.session_lease
        chunks, silence = studio.chunks, studio.config.silence
        return Ask(who.caller, project, identifier, query, lease, chunks.tail, chunks.heard, silence)

    async def page(self, studio: Studio, request: Request, who: Browser, ask: Ask, **more: Any) -> str:
        """The whole page; `more` takes the place of what its frame says."""
        frame = await studio.store.read(self.frame, ask)
        # what happens from here on is in an event with a higher number, or in what is read now, or in both
        live = {channel: studio.hub.number(channel) for channel in frame["channels"]}
        facts, now = await studio.store.read(_read, self._parts, ask)
        common = _common(request, who, ask, now)
        pieces = {name: self._piece(name, {**common, **facts[name]}) for name in self._parts}
        around = {"part": pieces, "live": live, "app_key": studio.hub.key}
        return render(f"{self.name}.html", **{**frame, **common, **around, **more})

    async def _some(
        self, studio: Studio, request: Request, who: Browser, ask: Ask, wanted: Sequence[str]
    ) -> str:
        chosen = {name: self._parts[name] for name in wanted if name in self._parts}
        facts, now = await studio.store.read(_read, chosen, ask)
        common = _common(request, who, ask, now)
        return "".join(self._piece(name, {**common, **facts[name]}) for name in chosen)

    @property
    def _parts(self) -> Mapping[str, Part]:
        return {"waiting": WAITING, **self.parts}

    def _piece(self, name: str, facts: Mapping[str, Any]) -> Markup:
        part = self._parts[name]
        folder = "" if name == "waiting" else f"{self.name}/"
        inner = Markup(render(f"{folder}{name}.html", **facts))  # noqa: S704 - a template of ours, escaped
        return Markup(
            '<div class="part" id="part-{}" data-part="{}" data-on="{}" data-every="{}">{}</div>'
        ).format(name, name, " ".join(part.on), part.every, inner)

    @property
    def _listing(self) -> bool:
        return self.about is None and self.action is Action.READ


def _read(tx: Transaction, parts: Mapping[str, Part], ask: Ask) -> tuple[dict[str, Mapping[str, Any]], float]:
    return {name: part.read(tx, ask) for name, part in parts.items()}, tx.now


def _common(request: Request, who: Browser, ask: Ask, now: float) -> dict[str, Any]:
    return {
        "now": now,
        "here": request.url.path,
        "theme": theme(request),
        "visitor": who,
        "may": ask.may,
    }


def theme(request: Request) -> str:
    """`light` or `dark` when the person has chosen, else what their system says."""
    chosen = request.cookies.get("maestro-theme", "")
    return chosen if chosen in ("light", "dark") else ""


def refusal(request: Request, error: MaestroError, back: str = "/") -> Response:
    """A page that says what is wrong and what can be done."""
    text = render("refusal.html", error=error, back=back, theme=theme(request), visitor=None)
    return guard(request, HTMLResponse(text, status_of(error)))


def stays(request: Request) -> bool:
    """Whether the page's script asks, which shows what it hears where the person is."""
    return "x-maestro-page" in request.headers


def said(request: Request, error: MaestroError, back: str = "/") -> Response:
    """What is wrong, as a sentence for the page's script, else as a page."""
    if not stays(request):
        return refusal(request, error, back)
    text = f"{error}. {error.hint}" if error.hint else str(error)
    return guard(request, PlainTextResponse(text, status_of(error)))


async def database_away(request: Request, error: Exception) -> Response:
    """The database does not answer, in the form that the asker reads."""
    answer = await problem.database_away(request, error)
    return said(request, problem.away(error)) if _by_a_person(request) else answer


async def own_fault(request: Request, error: Exception) -> Response:
    """A mistake of ours, in the form that the asker reads."""
    answer = await problem.own_fault(request, error)
    if not _by_a_person(request):
        return answer
    told = said(request, Reported("internal_error", problem.mistake(error), "the log of Studio has more", 1))
    told.headers["x-request-id"] = answer.headers["x-request-id"]
    return told


def _by_a_person(request: Request) -> bool:
    reads = "text/html" in request.headers.get("accept", "") or stays(request)
    return reads and not request.url.path.startswith("/api/")


async def no_page(request: Request, error: Exception) -> Response:
    """What Starlette answers by itself, in the form that the asker reads."""
    assert isinstance(error, HTTPException)
    if error.status_code == 404 and _by_a_person(request):
        return said(request, NotFound("page", request.url.path))
    return await no_route(request, error)


def _to_sign_in(request: Request, error: Unauthenticated) -> Response:
    if "part" in request.query_params:
        return HTMLResponse(str(error), 401)
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/sign-in?next={quote(path, safe='')}", 303)


async def _no_call(_call: Any) -> Any:
    raise AssertionError("a view is no REST call")
