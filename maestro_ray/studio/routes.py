"""The REST calls of `/api/v1`, each a few lines over the function that does it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute

from maestro_ray.errors import MaestroError, NotFound, Unauthenticated
from maestro_ray.model.plan_file import from_json
from maestro_ray.model.task import Aborted
from maestro_ray.protocol.auth import sign_channel
from maestro_ray.studio import bodies, identity, loop, messages, plans, reports, sessions
from maestro_ray.studio import schema as t
from maestro_ray.studio.app import Call, authenticate, decode, endpoint, problem
from maestro_ray.studio.socket import serve_socket
from maestro_ray.studio.store import Row, Transaction


async def up(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def redeem(call: Call) -> Any:
    return await call.studio.store.write(identity.redeem, call.body.token, call.body.name)


async def refresh(call: Call) -> Any:
    fresh = await call.studio.store.write(identity.refresh, call.body.refresh_token)
    if fresh is None:
        raise Unauthenticated("the refresh token was already used; sign in again")
    return fresh


async def find_projects(call: Call) -> Any:
    key = call.request.query_params.get("key")
    query = sa.select(t.projects).order_by(t.projects.c.id)
    return await call.studio.store.read(
        lambda tx: tx.all(query.where(t.projects.c.key == key) if key else query)
    )


async def create_project(call: Call) -> Any:
    return await call.change(sessions.create_project, call.body.key, call.body.name)


async def create_session(call: Call) -> Any:
    body: bodies.NewSession = call.body
    values = body.model_dump()
    return await call.change(
        sessions.register, values.pop("project_id"), lease=call.studio.config.session_lease, **values
    )


async def beat(call: Call) -> Any:
    ids = [call.path("id"), *call.body.sessions]
    over = await call.change(sessions.heartbeat, ids, call.studio.config.session_lease)
    return {"ended": over}


async def end_session(call: Call) -> Any:
    await call.change(sessions.end, call.path("id"))


async def allocate(call: Call) -> Any:
    body: bodies.NewTeam = call.body
    return await call.change(
        sessions.allocate_team,
        call.path("id"),
        [worker.model_dump() for worker in body.workers],
        workspace=body.workspace,
        serves_all=body.serves_all,
        lease=call.studio.config.session_lease,
    )


async def add_worker(call: Call) -> Any:
    worker = call.body.model_dump()
    return await call.change(
        sessions.add_worker, call.path("id"), worker, lease=call.studio.config.session_lease
    )


async def show_team(call: Call) -> Any:
    def view(tx: Transaction) -> Row:
        team = tx.get(t.teams, call.path("id"))
        members = sa.select(t.sessions).where(t.sessions.c.team_id == team["id"]).order_by(t.sessions.c.id)
        return {**team, "sessions": tx.all(members)}

    return await call.studio.store.read(view)


async def end_team(call: Call) -> Any:
    await call.change(sessions.end_team, call.path("id"))


async def mirror(call: Call) -> Any:
    await call.change(messages.mirror, call.path("id"), [m.model_dump() for m in call.body.messages])


async def list_messages(call: Call) -> Any:
    after = call.number("after")
    return await call.studio.store.read(messages.after, call.path("id"), after)


async def spawn_queue(call: Call) -> Any:
    return await call.studio.store.read(sessions.spawn_queue, call.path("id"))


async def claim(call: Call) -> Any:
    return await call.change(reports.claim, call.path("id"), call.body.run_id)


async def complete(call: Call) -> Any:
    await call.change(reports.complete, call.path("id"), call.body.epoch, call.body.result)


async def fail(call: Call) -> Any:
    body: bodies.Fail = call.body
    await call.change(
        reports.fail, call.path("id"), body.epoch, body.reason, retryable=body.retryable, hold=body.hold
    )


async def pause(call: Call) -> Any:
    await call.change(reports.pause, call.path("id"), call.body.epoch, call.body.resume_at)


async def resume(call: Call) -> Any:
    await call.change(reports.resume, call.path("id"), call.body.epoch)


async def interrupt(call: Call) -> Any:
    await call.change(reports.interrupt, call.path("id"), call.body.epoch)


async def create_plan(call: Call) -> Any:
    body: bodies.NewPlan = call.body
    draft = from_json(body.draft)

    def create(tx: Transaction) -> Row:
        values: dict[str, Any] = {"team_id": body.team_id, "workspace": body.workspace}
        if body.base_branch:
            values["base_branch"] = body.base_branch
        caps = {"attempt_cap": body.attempts, "revision_cap": body.revision_cap}
        return plans.view(tx, plans.create(tx, body.project_id, draft, **values, **caps))

    return await call.change(create)


async def list_plans(call: Call) -> Any:
    query = sa.select(t.plans).order_by(t.plans.c.id)
    for name in ("project_id", "status", "team_id"):
        if value := call.request.query_params.get(name):
            query = query.where(t.plans.c[name] == value)
    return await call.studio.store.read(lambda tx: tx.all(query))


async def show_plan(call: Call) -> Any:
    return await call.studio.store.read(plans.view, call.path("id"))


async def act_on_plan(call: Call) -> Any:
    word = call.path("word")
    if word not in plans.EVENTS:
        raise NotFound("action on a plan", word, f"one of {', '.join(plans.EVENTS)}")
    return await call.change(plans.act, call.path("id"), word)


async def show_task(call: Call) -> Any:
    return await call.studio.store.read(lambda tx: tx.get(t.tasks, call.path("id")))


async def abort_task(call: Call) -> Any:
    await call.change(loop.task_event, call.path("id"), Aborted())


async def add_comment(call: Call) -> Any:
    def add(tx: Transaction) -> Row:
        tx.get(t.tasks, call.path("id"))
        return {"id": loop.comment(tx, call.path("id"), "operator", call.body.body)}

    return await call.change(add)


async def list_verdicts(call: Call) -> Any:
    query = sa.select(t.verdicts).where(t.verdicts.c.task_id == call.path("id")).order_by(t.verdicts.c.id)

    def given(tx: Transaction) -> list[Row]:
        tx.get(t.tasks, call.path("id"))
        return tx.all(query)

    return await call.studio.store.read(given)


async def list_decisions(call: Call) -> Any:
    query = sa.select(t.decisions).where(t.decisions.c.status == "open").order_by(t.decisions.c.id)
    if project := call.request.query_params.get("project_id"):
        query = query.where(t.decisions.c.project_id == project)
    return await call.studio.store.read(lambda tx: tx.all(query))


async def answer_decision(call: Call) -> Any:
    return await call.change(loop.answer, call.path("id"), call.body.answer)


async def broadcasting_auth(request: Request) -> Response:
    """Pusher's channel authorisation: JSON or form bodies, as its clients send them."""
    studio = request.app.state.studio
    try:
        authenticate(studio, request)
        asked = await decode(request, bodies.ChannelAuth, form=True)
        signature = sign_channel(studio.hub.key, studio.hub.secret, asked.socket_id, asked.channel_name)
    except MaestroError as error:
        return problem(error)
    return JSONResponse({"auth": signature})


def _route(method: str, path: str, handler: Any, body: Any = None, **options: Any) -> Route:
    # Starlette answers GET routes for HEAD too
    return Route(
        f"/api/v1/{path}", endpoint(handler, body, **options), methods=[method], name=handler.__name__
    )


ROUTES: list[Route | WebSocketRoute] = [
    Route("/up", up),
    Route("/broadcasting/auth", broadcasting_auth, methods=["POST"]),
    WebSocketRoute("/app/{key}", serve_socket),
    _route("POST", "auth/redeem", redeem, bodies.Redeem, public=True),
    _route("POST", "auth/refresh", refresh, bodies.Refresh, public=True),
    _route("GET", "projects", find_projects),
    _route("POST", "projects", create_project, bodies.NewProject, status=201),
    _route("POST", "agent-sessions", create_session, bodies.NewSession, status=201),
    _route("POST", "agent-sessions/{id}/heartbeat", beat, bodies.Heartbeat),
    _route("DELETE", "agent-sessions/{id}", end_session),
    _route("POST", "agent-sessions/{id}/team", allocate, bodies.NewTeam, status=201),
    _route("GET", "agent-sessions/{id}/spawn-queue", spawn_queue),
    _route("POST", "agent-sessions/{id}/run", claim, bodies.Claim),
    _route("GET", "teams/{id}", show_team),
    _route("DELETE", "teams/{id}", end_team),
    _route("POST", "teams/{id}/workers", add_worker, bodies.NewWorker, status=201),
    _route("POST", "teams/{id}/messages", mirror, bodies.NewMessages),
    _route("GET", "teams/{id}/messages", list_messages),
    _route("POST", "cli-runs/{id}/complete", complete, bodies.Complete),
    _route("POST", "cli-runs/{id}/fail", fail, bodies.Fail),
    _route("POST", "cli-runs/{id}/pause", pause, bodies.Pause),
    _route("POST", "cli-runs/{id}/resume", resume, bodies.Epoch),
    _route("POST", "cli-runs/{id}/interrupt", interrupt, bodies.Epoch),
    _route("POST", "plans", create_plan, bodies.NewPlan, status=201),
    _route("GET", "plans", list_plans),
    _route("GET", "plans/{id}", show_plan),
    _route("POST", "plans/{id}/{word}", act_on_plan),
    _route("GET", "tasks/{id}", show_task),
    _route("POST", "tasks/{id}/abort", abort_task),
    _route("POST", "tasks/{id}/comments", add_comment, bodies.NewComment, status=201),
    _route("GET", "tasks/{id}/verdicts", list_verdicts),
    _route("GET", "decisions", list_decisions),
    _route("POST", "decisions/{id}/answer", answer_decision, bodies.Answer),
]
