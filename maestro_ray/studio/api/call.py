"""One REST call: who asks, whether they may, what they sent, and how it is answered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import Response

from maestro_ray.errors import (
    BadFrame,
    Conflict,
    Forbidden,
    MaestroError,
    NotFound,
    Outdated,
    Unauthenticated,
)
from maestro_ray.model.access import EVERYWHERE, MEANING, Action, Caller, Role
from maestro_ray.studio import audit, identity
from maestro_ray.studio import schema as t
from maestro_ray.studio.api.decode import decode, refuse_nul_in_address
from maestro_ray.studio.api.problem import problem
from maestro_ray.studio.store import Row, Transaction
from maestro_ray.studio.studio import Studio

if TYPE_CHECKING:
    from pydantic import BaseModel

P = ParamSpec("P")
T = TypeVar("T")

NOBODY = Caller("", "", {}, ())
# beside an answer that is kept; what was kept before has none
ASKED = "asked_with"
LONGEST_PAGE = 500
USUAL_PAGE = 100


@dataclass(frozen=True)
class Page:
    """A piece of a list in the order of ids: at most `limit` rows after the one whose id is `after`."""

    limit: int
    after: str

    def of(self, query: sa.Select[Any], table: sa.FromClause) -> sa.Select[Any]:
        """The query for this page and one row more, which tells whether there is another."""
        return query.where(table.c.id > self.after).order_by(table.c.id).limit(self.limit + 1)


@dataclass(frozen=True)
class Call:
    """One request by somebody who may make it, with its decoded body. `project` is the one it is about, or `*`."""

    studio: Studio
    request: Request
    route: Rest
    caller: Caller
    project: str
    body: Any

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        return self.request.query_params.get(name) or ""

    def number(self, name: str, default: int = 0) -> int:
        """A whole number of the query. Raises `BadFrame`."""
        text = self.query(name) or str(default)
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise BadFrame(f"{name} must be a whole number")
        return int(text)

    async def read(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return await self.studio.store.read(work, *args, **kwargs)

    async def change(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Any:
        """`Studio.change`; a request repeated with its Idempotency-Key gets the first answer and does nothing more.

        Another request under the same key is a `Conflict`.
        """
        return await self.studio.change(self._once(work, *args, **kwargs))

    async def write(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Any:
        """As `change`, for what makes nothing possible that was not before."""
        return await self.studio.store.write(self._once(work, *args, **kwargs))

    def _once(
        self, work: Callable[Concatenate[Transaction, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Callable[[Transaction], Any]:
        scoped, asked = self._key()

        def once(tx: Transaction) -> Any:
            if scoped:
                seen = tx.first(sa.select(t.replies).where(t.replies.c.key == scoped))
                if seen is not None:
                    return _first_answer(seen["body"], asked)
            answer = work(tx, *args, **kwargs)
            if self.route.action in audit.ACTIONS:
                audit.note(tx, self.caller, self.route.action, self.project, self.request.url.path)
            if scoped:
                tx.insert(t.replies, key=scoped, body={ASKED: asked, "answer": answer})
            return answer

        return once

    def _key(self) -> tuple[str, str]:
        """Under what the answer is kept, nothing when it is not, and what was asked.

        The same key of another person, for another thing, is another key. An answer with a secret is not kept.
        """
        key = self.request.headers.get("idempotency-key", "")
        if not key or self.route.secret:
            return "", ""
        url = self.request.url
        scoped = identity.digest(f"{self.caller.user} {self.request.method} {url.path} {url.query} {key}")
        body = self.body.model_dump_json() if self.route.body else ""
        return scoped, identity.digest(body)

    async def rows(self, query: sa.Select[Any], table: sa.FromClause) -> Listing:
        """A page of a table's rows, of those projects only that the caller may see."""
        limit = self.number("limit", USUAL_PAGE)
        if not 1 <= limit <= LONGEST_PAGE:
            raise BadFrame(f"limit must be between 1 and {LONGEST_PAGE}")
        page = Page(limit, self.query("cursor"))
        found = await self.read(lambda tx: tx.all(page.of(self._visible(query, table), table)))
        return Listing(found[:limit], str(found[limit - 1]["id"]) if len(found) > limit else "")

    def _visible(self, query: sa.Select[Any], table: sa.FromClause) -> sa.Select[Any]:
        projects = self.caller.projects()
        if projects is None:
            return query
        column = table.c.id if table is t.projects else _project_column(table)
        return query.where(column.in_(projects))

    def unchanged(self, now: Any) -> None:
        """Raises `Outdated` when the caller's If-Match is not the tag of `now`, the thing as GET would show it."""
        wanted = self.request.headers.get("if-match", "")
        if wanted and wanted != "*" and etag(encode(now)) not in [tag.strip() for tag in wanted.split(",")]:
            raise Outdated(self.request.url.path)


@dataclass(frozen=True)
class Listing:
    """One page of a list; `cursor` asks for the next one, empty at the end."""

    rows: list[Row]
    cursor: str


Handler = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True)
class Rest:
    """One call below `/api/v1`: who may make it, about which project it is, what body it takes.

    `of` is the table whose row `{id}` names, or `body` when the body has a `project_id`; without it the call is
    about the whole Studio, or its handler shows only what the caller may see (`listing`).

    The rest is told to readers: `query` are the parameters it reads, `paged` adds those of a page, `guarded` says that
    it heeds `If-Match`, `soft` that nothing of it is written down and a repeat meets nothing, `secret` that its answer
    is written down nowhere. What it does is its handler's docstring, and a handler that answers nothing returns `None`.
    """

    method: str
    path: str
    handler: Handler
    action: Action | None = None
    of: sa.Table | str | None = None
    body: type[BaseModel] | None = None
    status: int = 200
    listing: bool = False
    tagged: bool = False
    query: tuple[str, ...] = ()
    paged: bool = False
    guarded: bool = False
    soft: bool = False
    secret: bool = False

    async def __call__(self, request: Request) -> Response:
        """Starlette's endpoint: authenticate, decode, permit, do, encode."""
        studio: Studio = request.app.state.studio
        try:
            refuse_nul_in_address(request)
            caller = NOBODY if self.action is None else await who(studio, request)
            body = await decode(request, self.body) if self.body else None
            project = await self.permit(studio, request, caller, body)
            answer = await self.handler(Call(studio, request, self, caller, project, body))
        except MaestroError as error:
            return problem(error)
        return self._answer(request, answer)

    async def permit(self, studio: Studio, request: Request, caller: Caller, body: Any) -> str:
        """The project the call is about. A stranger to it learns no more than that it is not there."""
        if self.action is None:
            return EVERYWHERE
        if caller.channels is not None:
            raise Forbidden("do anything but listen: the token is for channels only")
        if self.listing or self._nothing_to_look_up(caller):
            return EVERYWHERE
        project = await self._project(studio, request, body)
        if caller.role(project) is None and project != EVERYWHERE:
            raise NotFound(*self._named(request, project))
        if not caller.may(self.action, project):
            raise Forbidden(MEANING[self.action])
        if (
            self.action is Action.WORK
            and caller.role(project) is Role.MEMBER
            and isinstance(self.of, sa.Table)
            # a task is nobody's session: who accepts one names the session, and that one is looked at
            and self.of is not t.tasks
        ):
            await studio.store.read(own, caller, self.of, str(request.path_params["id"]))
        return project

    def _nothing_to_look_up(self, caller: Caller) -> bool:
        """Whether who may do it everywhere may do it to whatever it is, and no note of it is taken."""
        if self.action is None or self.action in audit.ACTIONS or not caller.may(self.action, EVERYWHERE):
            return False
        # also of somebody who is a member everywhere not every session is theirs
        return self.action is not Action.WORK or caller.role(EVERYWHERE) is not Role.MEMBER

    def _named(self, request: Request, project: str) -> tuple[str, str]:
        if isinstance(self.of, sa.Table):
            return self.of.name.removesuffix("s"), str(request.path_params["id"])
        return "project", project

    async def _project(self, studio: Studio, request: Request, body: Any) -> str:
        if self.of is None:
            return EVERYWHERE
        if isinstance(self.of, sa.Table):
            return await studio.store.read(project_of, self.of, str(request.path_params["id"]))
        return str(body.project_id)

    def _answer(self, request: Request, answer: Any) -> Response:
        if isinstance(answer, Response):
            return answer
        headers = {}
        if isinstance(answer, Listing):
            if answer.cursor:
                url = request.url.include_query_params(cursor=answer.cursor)
                # relative: a proxy may have taken away the beginning of the path
                headers["link"] = f'<?{url.query}>; rel="next"'
            answer = answer.rows
        if answer is None:
            return Response(status_code=204)
        content = encode(answer)
        if self.tagged:
            headers["etag"] = etag(content)
            if headers["etag"] in request.headers.get("if-none-match", ""):
                return Response(None, 304, headers)
        return Response(content, self.status, headers, "application/json")


def _first_answer(kept: Any, asked: str) -> Any:
    """What was answered. Raises `Conflict` when something else was asked."""
    if not isinstance(kept, dict) or ASKED not in kept:
        return kept
    if kept[ASKED] != asked:
        raise Conflict("this Idempotency-Key belongs to a request with another body", "use a new key")
    return kept["answer"]


def encode(answer: Any) -> bytes:
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


def etag(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


async def who(studio: Studio, request: Request) -> Caller:
    """The holder of the request's Bearer token. Raises `Unauthenticated`."""
    return await studio.door.caller(bearer(request))


def bearer(request: Request) -> str:
    """The request's Bearer token. Raises `Unauthenticated`."""
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token:
        raise Unauthenticated("a Bearer token is needed")
    return token.strip()


def project_of(tx: Transaction, table: sa.Table, identifier: str) -> str:
    """The project a row belongs to. Raises `NotFound`."""
    row = tx.get(table, identifier)
    while table is not t.projects and "project_id" not in row:
        name, table = ("plan_id", t.plans) if "plan_id" in row else ("task_id", t.tasks)
        row = tx.get(table, row[name])
    return str(row["id"] if table is t.projects else row["project_id"])


def own(tx: Transaction, caller: Caller, table: sa.Table, identifier: str) -> None:
    """Members speak for their own sessions, and for the runs these hold. Raises `Forbidden`."""
    row = tx.get(table, identifier)
    session = row if table is t.sessions else tx.find(t.sessions, row.get("session_id") or "")
    if session is None or session["user_id"] != caller.user:
        raise Forbidden("speak for somebody else's session")


def _project_column(table: sa.FromClause) -> sa.ColumnElement[str]:
    if "project_id" in table.c:
        return table.c.project_id
    through = sa.select(t.plans.c.project_id)
    if "plan_id" in table.c:
        return through.where(t.plans.c.id == table.c.plan_id).scalar_subquery()
    through = through.join(t.tasks, t.tasks.c.plan_id == t.plans.c.id)
    return through.where(t.tasks.c.id == table.c.task_id).scalar_subquery()
