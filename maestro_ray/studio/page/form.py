"""A form of the page: a REST call made by a browser, with the same checks, the same effects and the same record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from maestro_ray.errors import BadFrame, MaestroError, UsageError
from maestro_ray.studio.api.call import Call, Rest
from maestro_ray.studio.api.decode import FORM, refuse_nul, refuse_nul_in_address
from maestro_ray.studio.api.decode import read as read_body
from maestro_ray.studio.browser import Browser
from maestro_ray.studio.page import visitor
from maestro_ray.studio.page.headers import guard
from maestro_ray.studio.page.view import said, stays
from maestro_ray.studio.studio import Studio

if TYPE_CHECKING:
    from pydantic import BaseModel

LARGEST_FORM = 1024 * 1024

Fields = dict[str, str]


@dataclass(frozen=True)
class Form:
    """`POST /do/<path>` does what `call` does. Afterwards the browser goes back to where the form stood.

    The page's script says with the header `x-maestro-page` that it stays: it gets 204, or the sentence of an error.
    """

    path: str
    call: Rest

    async def __call__(self, request: Request) -> Response:
        """Starlette's endpoint."""
        studio: Studio = request.app.state.studio
        back = "/"
        try:
            who, fields = await signed(studio, request)
            back = local(fields.pop("back", "/"))
            body = value(self.call.body, fields) if self.call.body else None
            await perform(studio, request, self.call, who, body)
        except MaestroError as error:
            return said(request, error, back)
        return guard(request, Response(status_code=204) if stays(request) else RedirectResponse(back, 303))


async def perform(studio: Studio, request: Request, call: Rest, who: Browser, body: Any) -> Any:
    """Do what the REST call does for this browser. Raises what it raises."""
    project = await call.permit(studio, request, who.caller, body)
    return await call.handler(Call(studio, request, call, who.caller, project, body))


async def signed(studio: Studio, request: Request) -> tuple[Browser, Fields]:
    """Who sent the form, and its fields. Raises `Forbidden` for one that is not ours, and `Unauthenticated`."""
    visitor.from_the_page(request)
    refuse_nul_in_address(request)
    who = await visitor.find(studio, request)
    fields = await read(request)
    visitor.check_form(who, fields.pop("form_token", ""))
    return who, fields


async def read(request: Request) -> Fields:
    """The fields of a form; of one that comes twice the last counts. Raises `BadFrame`."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise BadFrame(f"a form is {FORM}")
    raw = await read_body(request, LARGEST_FORM)
    try:
        pairs = parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=2000)
    except ValueError as error:
        raise BadFrame("the form cannot be read") from error
    fields = {name: text.replace("\r\n", "\n") for name, text in pairs}
    refuse_nul(fields)
    return fields


def value(body: type[BaseModel], fields: Fields) -> BaseModel:
    """The body that the fields stand for. Raises `UsageError`."""
    from pydantic import ValidationError  # why here: see `studio.api.shapes`

    try:
        return body.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}", "") from error


def local(address: str) -> str:
    """The address when it is one of the page's own, else its top: a form must not send anybody elsewhere."""
    fine = address.startswith("/") and not address.startswith(("//", "/\\")) and address.isprintable()
    return address if fine else "/"
