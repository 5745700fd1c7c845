"""The reference: a bare Starlette + SQLAlchemy app of one table. `python -m bench.studio.bare FILE PORT`."""

from __future__ import annotations

import sys
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

metadata = sa.MetaData()
tasks = sa.Table(
    "tasks",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("description", sa.Text, nullable=False),
)


def app(file: str) -> Starlette:
    engine = sa.create_engine(sa.URL.create("sqlite", database=file))
    sa.event.listen(engine, "connect", _as_durable_as_studio)
    metadata.create_all(engine)

    def insert(body: dict[str, Any]) -> dict[str, Any]:
        row = {"id": str(uuid4()), "title": body["title"], "description": body["description"]}
        with engine.begin() as connection:
            connection.execute(tasks.insert().values(**row))
        return row

    async def create(request: Request) -> JSONResponse:
        return JSONResponse(await run_in_threadpool(insert, await request.json()), 201)

    async def up(_request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return Starlette(routes=[Route("/up", up), Route("/tasks", create, methods=["POST"])])


def _as_durable_as_studio(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}").close()


if __name__ == "__main__":
    uvicorn.run(app(sys.argv[1]), port=int(sys.argv[2]), log_level="warning", access_log=False)
