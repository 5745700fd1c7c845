"""Manifests: what a project says of itself to its package manager. Text in, value out; a broken one says nothing.

They are anybody's: no pattern looks twice at what it has passed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from maestro_ray.errors import ConfigError
from maestro_ray.toml import read_toml


@dataclass(frozen=True)
class Manifest:
    """`dependencies` are names as the ecosystem has them, sorted; `scripts` what it says can be run, by name."""

    path: str
    ecosystem: str
    dependencies: tuple[str, ...] = ()
    scripts: Mapping[str, str] = field(default_factory=dict)
    broken: str = ""


def read_manifest(path: str, text: str) -> Manifest | None:
    """None for a file that is no manifest. One that cannot be read says why in `broken`; never raises."""
    name = path.rpartition("/")[2]
    for pattern, ecosystem, read in _KINDS:
        if re.fullmatch(pattern, name):
            try:
                names, scripts = read(text)
                return Manifest(path, ecosystem, tuple(sorted(set(names), key=str.lower)), scripts)
            except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
                return Manifest(path, ecosystem, (), {}, f"{type(error).__name__}: {error}"[:200])
    return None


def is_manifest(name: str) -> bool:
    return any(re.fullmatch(pattern, name) for pattern, _, _ in _KINDS)


def _toml(text: str) -> dict[str, Any]:
    """As our own files are read: a key of very many parts would take tomllib for ever."""
    try:
        table = read_toml(text, "", ConfigError)
    except ConfigError as error:
        _, line, _, words, *_ = error.args
        raise ValueError(f"line {line}: {words}") from None
    return {key: table.raw(key) for key in table}


_Read = tuple[Iterable[str], Mapping[str, str]]


def _pyproject(text: str) -> _Read:
    data = _toml(text)
    project, tool = data.get("project", {}), data.get("tool", {})
    poetry = tool.get("poetry", {})
    wanted = [*project.get("dependencies", ())]
    for group in (
        *project.get("optional-dependencies", {}).values(),
        *data.get("dependency-groups", {}).values(),
    ):
        wanted += [each for each in group if isinstance(each, str)]
    groups = [poetry, *poetry.get("group", {}).values()]
    names = [
        name
        for group in groups
        for key in ("dependencies", "dev-dependencies")
        for name in group.get(key, {})
    ]
    scripts = {**project.get("scripts", {}), **poetry.get("scripts", {})}
    # a tool that is configured here is used here
    names += [known for known in ("pytest", "ruff", "mypy", "black", "tox", "nox", "hatch") if known in tool]
    return [*_requirements(wanted), *(each for each in names if each != "python")], _texts(scripts)


def _requirements(lines: Iterable[str]) -> list[str]:
    found = (re.match(r"\s*([A-Za-z0-9][\w.-]*)", line) for line in lines)
    return [each[1] for each in found if each]


def _requirements_file(text: str) -> _Read:
    return _requirements(line for line in text.splitlines() if not line.lstrip().startswith(("-", "#"))), {}


def _pipfile(text: str) -> _Read:
    data = _toml(text)
    return [*data.get("packages", {}), *data.get("dev-packages", {})], _texts(data.get("scripts", {}))


def _package_json(text: str) -> _Read:
    data = json.loads(text)
    kinds = ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies")
    return [name for kind in kinds for name in data.get(kind, {})], _texts(data.get("scripts", {}))


def _composer(text: str) -> _Read:
    data = json.loads(text)
    names = [name for kind in ("require", "require-dev") for name in data.get(kind, {})]
    return [name for name in names if "/" in name], _texts(data.get("scripts", {}))


def _deno(text: str) -> _Read:
    data = json.loads(text)
    return list(data.get("imports", {})), _texts(data.get("tasks", {}))


def _cargo(text: str) -> _Read:
    data = _toml(text)
    places = [data, data.get("workspace", {}), *data.get("target", {}).values()]
    kinds = ("dependencies", "dev-dependencies", "build-dependencies")
    return [name for place in places for kind in kinds for name in place.get(kind, {})], {}


def _go_mod(text: str) -> _Read:
    pattern = r"^(?:require[ \t]++|[ \t]++)([\w-]++\.[\w.-]++/\S++)[ \t]++v\S"
    return re.findall(pattern, text, re.MULTILINE), {}


def _maven(text: str) -> _Read:
    """The first artifactId in each of these elements: what is excluded from a dependency comes after its own."""
    names, wanted = [], False
    for close, name in re.findall(
        r"<(/?)(?:dependency|plugin|parent)>|<artifactId>\s*+([\w.-]++)\s*+</artifactId>", text
    ):
        if name and wanted:
            names.append(name)
        wanted = not name and not close
    return names, {}


def _gradle(text: str) -> _Read:
    plugins = re.findall(r"\bid[\s(]+['\"]([\w.-]+)['\"]", text)
    return [*re.findall(r"['\"]([\w.-]+:[\w.-]+)(?::[^'\"]*)?['\"]", text), *plugins], {}


def _swift(text: str) -> _Read:
    """The last part of each package's address."""
    inside = (each.partition(")")[0] for each in text.split(".package(")[1:])
    found = (re.search(r"/([\w.-]++)\"", each) for each in inside)
    return [each[1].removesuffix(".git") for each in found if each], {}


def _matches(pattern: str) -> Callable[[str], _Read]:
    return lambda text: (re.findall(pattern, text, re.MULTILINE), {})


def _targets(text: str) -> _Read:
    """Targets of a Makefile and recipes of a justfile: names at the beginning of a line, before a colon."""
    names = re.findall(r"^([A-Za-z][\w.-]*+)(?:[ \t][\w\"'=*+ \t]*+)?:(?![=:])", text, re.MULTILINE)
    return (), dict.fromkeys(names, "")


def _present(_text: str) -> _Read:
    return (), {}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {
        str(name): value if isinstance(value, str) else json.dumps(value) for name, value in values.items()
    }


_KINDS: tuple[tuple[str, str, Callable[[str], _Read]], ...] = (
    (r"pyproject\.toml", "Python", _pyproject),
    (r"requirements[\w.-]*\.txt", "Python", _requirements_file),
    (r"Pipfile", "Python", _pipfile),
    (r"setup\.(py|cfg)|tox\.ini|noxfile\.py", "Python", _present),
    (r"package\.json", "JavaScript", _package_json),
    (r"deno\.jsonc?", "JavaScript", _deno),
    (r"Cargo\.toml", "Rust", _cargo),
    (r"go\.mod", "Go", _go_mod),
    (r"pom\.xml", "Java", _maven),
    (r"build\.gradle(\.kts)?", "Java", _gradle),
    (r"Gemfile", "Ruby", _matches(r"^[ \t]*+gem[ \t]++['\"]([\w-]+)['\"]")),
    (r"composer\.json", "PHP", _composer),
    (r"mix\.exs", "Elixir", _matches(r"\{:(\w+),\s*[\"'~>{]")),
    (r".*\.(cs|fs|vb)proj", ".NET", _matches(r"<PackageReference\s+Include=\"([\w.-]+)\"")),
    (r"Package\.swift", "Swift", _swift),
    (r"pubspec\.yaml", "Dart", _matches(r"^  ([a-z_]\w*):(?=\s*(?:\^|\d|any|$|\"))")),
    (r"CMakeLists\.txt", "C/C++", _matches(r"find_package\(\s*(\w+)")),
    (r"meson\.build", "C/C++", _matches(r"dependency\(\s*'([\w.+-]+)'")),
    (r"(GNUm|M|m)akefile", "make", _targets),
    (r"\.?[Jj]ustfile", "just", _targets),
)
