"""A transcript as one page of HTML: no script, nothing from elsewhere, everything of others escaped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from maestro_cli.render import transcript_words as words
from maestro_ray.transcript.document import Message, Transcript

# how a line of a diff begins, and its class; the first that fits counts
_LINES = (("+++", "file"), ("---", "file"), ("diff ", "file"), ("@@", "hunk"), ("+", "more"), ("-", "less"))


def pieces(transcript: Transcript, messages: Iterable[Message]) -> Iterator[str]:
    """The text, piece by piece."""
    page = _environment().get_template("transcript.html")
    return page.generate(transcript=transcript, messages=messages, title=words.title(transcript))


def patch_lines(patch: str) -> Iterator[tuple[str, str]]:
    """Each line of a diff with its class, empty for one that did not change."""
    for line in words.shown(patch).removesuffix("\n").split("\n"):
        yield next((kind for begin, kind in _LINES if line.startswith(begin)), ""), line


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(
        caps=words.caps, heading=words.heading, number=words.number, patch_lines=patch_lines
    )
    environment.filters.update(
        shown=words.shown,
        line=words.one_line,
        at=words.at,
        plain=words.plain,
        used=words.used,
        tested=words.tested,
        left_out=words.left_out,
        size=words.size,
    )
    return environment
