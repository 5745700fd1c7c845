"""Which providers there are, and which one a `--provider ROLE=NAME[:ARG]` means."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Literal

from maestro_ray.config import Config, ProviderTable
from maestro_ray.errors import BadProvider
from maestro_ray.ports import Provider, ProviderSpec
from maestro_ray.providers import claude, codex, gemini, opencode, pi, qwen
from maestro_ray.providers.acp import Acp
from maestro_ray.providers.claude import Claude
from maestro_ray.providers.codex import Codex
from maestro_ray.providers.command import Command
from maestro_ray.providers.gemini import Gemini
from maestro_ray.providers.manual import Manual
from maestro_ray.providers.opencode import OpenCode
from maestro_ray.providers.pi import Pi
from maestro_ray.providers.qwen import Qwen
from maestro_ray.providers.scripted import Scripted, located
from maestro_ray.toml import did_you_mean

GROUP = "maestro.providers"

_BUILT_IN: dict[str, Callable[[ProviderSpec], Provider]] = {
    "claude": Claude,
    "codex": Codex,
    "gemini": Gemini,
    "opencode": OpenCode,
    "qwen": Qwen,
    "pi": Pi,
    "acp": Acp,
    "command": Command,
    "manual": Manual,
    "scripted": Scripted,
}


# what agents of the kinds above need of the shell that starts a team; each sees only its own
VARIABLES = (
    *claude.VARIABLES, *codex.VARIABLES, *gemini.VARIABLES, *opencode.VARIABLES, *qwen.VARIABLES, *pi.VARIABLES,
)  # fmt: skip

# keys of a table that say nothing to a kind: its program is what `argv` says, and all that it is told
_NOTHING: Mapping[str, tuple[str, ...]] = {
    "acp": ("model", "exec"),
    "command": ("model", "args", "exec"),
    "manual": ("exec",),
    "scripted": ("model", "args", "exec"),
}

_INSTEAD = {"acp": ": say it in its argv or args", "command": ": say it in its argv"}

# well-known programs that a template is enough for
_TEMPLATED = ("aider", "mini")


def parse_choice(text: str) -> tuple[str, str, str]:
    """(role, name, arg) of `ROLE=NAME[:ARG]`, arg empty when absent. Raises `BadProvider`."""
    role, found, rest = text.partition("=")
    name, _, arg = rest.partition(":")
    if not found or not re.fullmatch(r"[a-z][a-z0-9-]*", role.strip()) or not name.strip():
        raise BadProvider(text, "it names no role and provider")
    return role.strip(), name.strip(), arg.strip()


def resolve(choices: Mapping[str, str], config: Config, directory: Path) -> dict[str, ProviderSpec]:
    """Each role's provider from its `NAME[:ARG]`; a script's path is taken relative to `directory`.

    Templates and scripts of built-in kinds are read, so that their mistakes show before anything starts. Raises
    `BadProvider`, or `ConfigError` for a mistake inside a script. Whether the programs exist is `Provider.check`'s.
    """
    return {role: _resolve(f"{role}={text}", config, directory) for role, text in choices.items()}


def kinds() -> frozenset[str]:
    """All there are, those of other packages too."""
    return frozenset(_BUILT_IN) | frozenset(_others())


def build(spec: ProviderSpec) -> Provider:
    """The adapter for this kind. Another package's is loaded here. Raises `BadProvider`, or `ConfigError`."""
    if make := _BUILT_IN.get(spec.kind):
        return make(spec)
    if entry := _others().get(spec.kind):
        return _load(entry, spec)
    raise BadProvider(spec.kind, _unknown(spec.kind, ()))


def _resolve(choice: str, config: Config, directory: Path) -> ProviderSpec:
    _, name, arg = parse_choice(choice)
    table = config.providers.get(name)
    kind = table.kind if table else name
    if kind not in _BUILT_IN and kind not in _others():
        inside = f"[providers.{name}]: " if table else ""
        raise BadProvider(choice, inside + _unknown(kind, () if table else tuple(config.providers)))
    if name in config.theirs and (name in _BUILT_IN or name in _others()):
        # who names a kind means the kind, whatever somebody has merged into the repository
        raise BadProvider(choice, f"[providers.{name}] of the repository has the name of a kind of provider")
    spec = _spec(choice, kind, arg, table or ProviderTable(kind))
    if kind == "scripted":
        spec = located(spec, directory)
    if kind in _BUILT_IN:
        _try(choice, spec)
    return spec


def _spec(choice: str, kind: str, arg: str, table: ProviderTable) -> ProviderSpec:
    if wrong := next((name for name in table.env if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name)), None):
        raise BadProvider(choice, f"env lists names of variables, and {wrong!r} is none")
    if useless := next((key for key in _NOTHING.get(kind, ()) if getattr(table, key)), None):
        raise BadProvider(choice, f"{useless} means nothing to {kind}{_INSTEAD.get(kind, '')}")
    verdict: Literal["line", "exit-code"] = "exit-code" if table.verdict == "exit-code" else "line"
    return ProviderSpec(kind, arg, table.argv, table.env, verdict, table.model, table.args, table.exec)


def _try(choice: str, spec: ProviderSpec) -> None:
    try:
        build(spec)
    except BadProvider as bad:
        raise BadProvider(choice, bad.args[1]) from None


def _unknown(name: str, tables: tuple[str, ...]) -> str:
    known = sorted({*_BUILT_IN, *_others(), *tables})
    if name in _TEMPLATED:
        return f"{name} works from a template: give [providers.{name}] an argv, or write command:… after the role"
    return f"unknown provider {name!r}{did_you_mean(name, known)}; there are: {', '.join(known)}"


def _others() -> dict[str, EntryPoint]:
    """Kinds that other installed packages bring, not loaded."""
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _load(entry: EntryPoint, spec: ProviderSpec) -> Provider:
    try:
        provider: Provider = entry.load()(spec)
    except BadProvider:
        raise
    except Exception as error:
        raise BadProvider(
            spec.kind, f"{entry.value} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    return provider
