"""Plugins: what `.claude-plugin/plugin.json` and `marketplace.json` say, and what a plugin adds."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maestro_ray.errors import BadFrame
from maestro_ray.extensions.definitions import Definition, definitions_in
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.hooks import Hook, hooks_of_plugin
from maestro_ray.extensions.mcp import servers_of_json
from maestro_ray.extensions.places import Place
from maestro_ray.extensions.skills import FILES, Skill, skills_in
from maestro_ray.extensions.tree import Leaf, Tree, bounded, under
from maestro_ray.ports import McpServer
from maestro_ray.protocol import strictjson

MANIFEST = ".claude-plugin/plugin.json"
MARKETPLACE = ".claude-plugin/marketplace.json"
HOOKS = "hooks/hooks.json"
SERVERS = ".mcp.json"
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
# what such a plugin may have beside, and maestro does nothing with
UNUSED = (
    "commands",
    "output-styles",
    "outputStyles",
    ".lsp.json",
    "lspServers",
    "monitors",
    "bin",
    "settings.json",
)


@dataclass(frozen=True)
class Offer:
    """One plugin of a marketplace: in its own repository at `place` and `ref`, or in this one's directory `inside`."""

    name: str
    description: str = ""
    inside: str = ""
    place: str = ""
    ref: str = ""
    manifest: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Plugin:
    """A plugin as its manifest names it. `files` are laid out so that every part stands where it is looked for."""

    name: str
    version: str
    description: str
    files: Tree


@dataclass(frozen=True)
class Parts:
    """What a plugin adds, sound and broken."""

    skills: tuple[Found[Skill], ...]
    agents: tuple[Found[Definition], ...]
    servers: tuple[Found[McpServer], ...]
    hooks: tuple[Found[Hook], ...]
    unused: tuple[str, ...] = ()

    def problems(self) -> list[str]:
        """A sentence for each part that is broken."""
        every: tuple[Found[Any], ...] = (*self.skills, *self.agents, *self.servers, *self.hooks)
        return [f"{each.name}: {each.problem}" for each in every if each.problem]


def read_json(tree: Tree, path: str) -> dict[str, Any]:
    """The object in a file of the tree. Raises `ValueError` with a sentence."""
    if path not in tree:
        raise ValueError(f"there is no {path}")
    try:
        found = strictjson.parse(tree[path].data)
    except BadFrame as error:
        raise ValueError(f"{path}: {error.args[0]}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} must be an object")
    return found


def read_plugin(tree: Tree, offered: Mapping[str, Any] | None = None) -> Plugin:
    """The plugin whose files these are. `offered` stands in for what its own manifest leaves out.

    Raises `ValueError` with a sentence for a manifest that is missing or broken, or that names a path outside.
    """
    own = read_json(tree, MANIFEST) if MANIFEST in tree or offered is None else {}
    manifest = {**(offered or {}), **own}
    name = _text(manifest, "name")
    if not NAME.fullmatch(name):
        raise ValueError(
            f"the name {name[:80]!r} of the plugin must be small letters, digits, '-', '_' and '.'"
        )
    return Plugin(name, _text(manifest, "version"), _text(manifest, "description"), _laid_out(tree, manifest))


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values.get(key, "")
    if not isinstance(value, str):
        raise ValueError(f"{key!r} must be a text")
    return " ".join(value.split())


def _laid_out(tree: Tree, manifest: Mapping[str, Any]) -> dict[str, Leaf]:
    """With what the manifest names elsewhere, or says itself, where a plugin has it by default."""
    files = dict(tree)
    for path in _paths(manifest, "skills"):
        files |= {f"skills/{name}": leaf for name, leaf in _skills_at(tree, path, manifest["name"])}
    for path in _paths(manifest, "agents"):
        found = {path: tree[path]} if path in tree else under(tree, path)
        files |= {
            f"agents/{posixpath.basename(name)}": leaf for name, leaf in found.items() if name.endswith(".md")
        }
    for key, target in (("hooks", HOOKS), ("mcpServers", SERVERS)):
        if key in manifest:
            files[target] = Leaf(json.dumps(_merged(tree, manifest[key], key, target), indent=1).encode())
    return bounded(files)


def _skills_at(tree: Tree, path: str, plugin: str) -> Iterator[tuple[str, Leaf]]:
    """A directory of skills, or one skill; the whole plugin may be one, of its name."""
    found = under(tree, path)
    one = any(name in found for name in FILES)
    prefix = f"{plugin if path == '.' else posixpath.basename(path)}/" if one else ""
    return ((prefix + name, leaf) for name, leaf in found.items())


def _paths(manifest: Mapping[str, Any], key: str) -> list[str]:
    value = manifest.get(key, [])
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(each, str) for each in items):
        raise ValueError(f"{key!r} must be a path or a list of paths")
    return [_inside(each, key) for each in items]


def _inside(path: str, key: str) -> str:
    """Raises `ValueError` for a path that leads out of the plugin."""
    found = posixpath.normpath(path)
    if (
        path.startswith(("/", "~"))
        or found == ".."
        or found.startswith("../")
        or "\\" in path
        or "\0" in path
    ):
        raise ValueError(f"{key!r} names the path {path[:80]!r}, which leads out of the plugin")
    return found


def _merged(tree: Tree, said: Any, key: str, target: str) -> dict[str, Any]:
    """The file at its usual place together with one named elsewhere, or with what stands in the manifest itself."""
    usual = read_json(tree, target).get(key, {}) if target in tree else {}
    further: Any = said
    if isinstance(said, str):
        path = _inside(said, key)
        read = read_json(tree, path)
        further = {} if path == target else read.get(key, {} if key == "hooks" else read)
    elif isinstance(said, dict) and key in said:
        further = said[key]
    if not isinstance(further, dict) or not isinstance(usual, dict):
        raise ValueError(f"{key!r} must be an object or the path of a file with one")
    return {key: {**usual, **further}}


# ── marketplaces ─────────────────────────────────────────────────────────────────────────────────────────────────────


def read_marketplace(tree: Tree) -> list[Offer | str]:
    """What a marketplace offers; a sentence in the place of an entry that is broken, which rejects no other.

    Raises `ValueError` for a file that is none.
    """
    top = read_json(tree, MARKETPLACE)
    plugins = top.get("plugins")
    if not isinstance(plugins, list):
        raise ValueError(f"{MARKETPLACE}: 'plugins' must be a list")
    about = top.get("metadata")
    root = about.get("pluginRoot", "") if isinstance(about, dict) else ""
    return [_offer(each, root if isinstance(root, str) else "") for each in plugins]


def _offer(entry: Any, root: str) -> Offer | str:
    try:
        if not isinstance(entry, dict):
            raise ValueError("an entry must be an object")
        name = _text(entry, "name")
        if not NAME.fullmatch(name):
            raise ValueError(f"the name {name[:80]!r} must be small letters, digits, '-', '_' and '.'")
        about = {
            key: value for key, value in entry.items() if key not in ("source", "strict", "category", "tags")
        }
        return Offer(name, _text(entry, "description"), **_where(entry.get("source"), root), manifest=about)
    except ValueError as error:
        return f"{entry.get('name', '?') if isinstance(entry, dict) else '?'}: {error}"


def _where(source: Any, root: str) -> dict[str, str]:
    """A path inside the marketplace, or `{"source": "github" | "url" | "git-subdir", …}`."""
    if isinstance(source, str):
        path = source if source.startswith("./") or not root else posixpath.join(root, source)
        return {"inside": _inside(path, "source")}
    if not isinstance(source, dict):
        raise ValueError("'source' must be a path or an object")
    place = _text(source, "repo" if source.get("source") == "github" else "url")
    if source.get("source") not in ("github", "url", "git-subdir") or not place:
        raise ValueError(f"a source of the kind {str(source.get('source'))[:40]!r} is not known")
    inside = _inside(_text(source, "path") or ".", "path")
    return {"place": place, "ref": _text(source, "sha") or _text(source, "ref"), "inside": inside}


def offers(found: Iterable[Offer | str]) -> list[Offer]:
    """Those that are sound."""
    return [each for each in found if isinstance(each, Offer)]


# ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def parts(root: Path, name: str) -> Parts:
    """What the plugin in this directory adds."""
    origin = Origin("plugin", root.resolve(), name)
    return Parts(
        tuple(skills_in(Place(root / "skills", origin))),
        tuple(definitions_in(Place(root / "agents", origin))),
        tuple(servers_of_json(root / SERVERS, origin)),
        tuple(hooks_of_plugin(root, origin)),
        tuple(each for each in UNUSED if (root / each).exists()),
    )
