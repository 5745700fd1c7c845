"""A survey as items of a project's knowledge: `{kind, title, body, path}` each, as Studio keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import accumulate

from maestro_ray.analysis.survey import Survey
from maestro_ray.redaction import redact

Item = dict[str, str]

# the names of one manifest's dependencies that are listed
DEPENDENCIES = 300
# how long each text of an item may be, and all of them together as JSON: more is refused as a whole
LENGTHS = {"kind": 64, "title": 200, "body": 64_000, "path": 4096}
MOST_BYTES = 6 * 1024 * 1024


def items(survey: Survey) -> list[Item]:
    """Most telling first; without what looks like a secret, and without what Studio would not take."""
    found = [*_made_of(survey), *_places(survey), *_written(survey)]
    told = [{key: _taken(value, LENGTHS[key]) for key, value in item.items()} for item in found]
    sizes = accumulate(len(json.dumps(item)) for item in told)
    return [item for item, size in zip(told, sizes, strict=True) if size <= MOST_BYTES]


def _taken(text: str, most: int) -> str:
    """Names of files may be no UTF-8, and JSON of a manifest can hold anything."""
    return redact(text.encode(errors="replace").decode().replace("\0", " "))[:most]


def _made_of(survey: Survey) -> Iterator[Item]:
    if survey.languages:
        parts = (f"{each.name} {each.share:.0%}, {_files(each.files)}" for each in survey.languages[:12])
        yield _item("languages", "Languages", parts)
    if survey.frameworks:
        yield _item("frameworks", "Frameworks", survey.frameworks)
    if survey.commands:
        lines = (f"{each.kind}: {each.command} ({each.source})" for each in survey.commands)
        yield _item("commands", "Commands", lines)


def _places(survey: Survey) -> Iterator[Item]:
    if survey.directories:
        lines = (
            f"{each.path}/ {_files(each.files)}{f', {each.language}' if each.language else ''}"
            for each in survey.directories
        )
        yield _item("directories", "Directories", lines)
    if survey.hot_files:
        lines = (f"{each.path} changed in {each.commits} commits" for each in survey.hot_files)
        yield _item("hot_files", "Files that change often", lines)


def _written(survey: Survey) -> Iterator[Item]:
    for file in survey.context_files:
        yield {"kind": "context", "title": file.path, "body": file.text, "path": file.path}
    for manifest in survey.manifests:
        if manifest.dependencies:
            names = manifest.dependencies[:DEPENDENCIES]
            yield _item("dependencies", f"{manifest.ecosystem} dependencies", names, manifest.path)


def _item(kind: str, title: str, lines: Iterator[str] | Sequence[str], path: str = "") -> Item:
    return {"kind": kind, "title": title, "body": "\n".join(lines), "path": path}


def _files(count: int) -> str:
    return f"{count} file{'s' if count != 1 else ''}"
