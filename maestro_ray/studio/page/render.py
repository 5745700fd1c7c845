"""The templates: one environment in which every value is escaped and every unknown name is an error."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maestro_ray.ids import short
from maestro_ray.model.plain_text import exposed
from maestro_ray.studio.page import words

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = Path(__file__).parent


@functools.cache
def environment() -> Environment:
    # to import it takes a while: a start does not wait for it
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    templates = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in ("tone", "plain", "span", "stamp", "found"):
        templates.filters[name] = getattr(words, name)
    templates.filters["short"] = short
    templates.filters["exposed"] = exposed
    templates.globals["message"] = words.message
    templates.globals["look"] = words.look
    return templates


def render(template: str, **facts: Any) -> str:
    """The text of a template with these facts. Raises jinja2's errors: they are ours."""
    return environment().get_template(template).render(facts)
