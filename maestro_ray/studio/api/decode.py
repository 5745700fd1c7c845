"""Request bodies: bytes into values, or a sentence that says what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request

from maestro_ray.errors import BadFrame
from maestro_ray.protocol import strictjson

if TYPE_CHECKING:
    from pydantic import BaseModel

B = TypeVar("B", bound="BaseModel")

LARGEST_BODY = 8 * 1024 * 1024
FORM = "application/x-www-form-urlencoded"


async def decode(request: Request, body: type[B], *, form: bool = False) -> B:
    """The request's body, JSON or where it is allowed a form, as a value. Raises `BadFrame`."""
    from pydantic import ValidationError  # why here: see `shapes`

    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # a page of another site can post text/plain without asking first, so only JSON counts
    if kind != "application/json" and not (form and kind == FORM):
        raise BadFrame("the body must be application/json")
    raw = await read(request, LARGEST_BODY)
    try:
        if kind == FORM:
            fields = dict(parse_qsl(raw.decode()))
            refuse_nul(fields)
            return body.model_validate(fields)
        # pydantic takes NaN, repeated keys and any depth, which nobody who reads the answers could take
        value = strictjson.parse(raw)
        if b"\\u0000" in raw:
            refuse_nul(value)
        return body.model_validate_json(raw)
    except UnicodeDecodeError as error:
        raise BadFrame("the body is not UTF-8") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BadFrame(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


async def read(request: Request, most: int) -> bytes:
    """The whole body. Raises `BadFrame` as soon as it has more than `most` bytes, and when its sender is gone."""
    raw = bytearray()
    try:
        async for piece in request.stream():
            raw += piece
            if len(raw) > most:
                raise BadFrame(f"the body is larger than {most} bytes")
    except ClientDisconnect as error:
        raise BadFrame("the connection was cut in the middle of the body") from error
    return bytes(raw)


def refuse_nul_in_address(request: Request) -> None:
    """Raises `BadFrame`, also for bytes that are no text: not every HTTP parser refuses them."""
    if not request.scope["query_string"].isascii():
        raise BadFrame("the query of the address must be percent-encoded")
    pairs = request.query_params.multi_items()
    refuse_nul([*request.path_params.values(), *(word for pair in pairs for word in pair)])


def refuse_nul(value: Any) -> None:
    """The character that ends a text in C: PostgreSQL cannot store it. Raises `BadFrame`."""
    match value:
        case str() if "\0" in value:
            raise BadFrame("a text holds a NUL character")
        case dict():
            for key, inner in value.items():
                refuse_nul(key)
                refuse_nul(inner)
        case list():
            for inner in value:
                refuse_nul(inner)
