from __future__ import annotations

import json
from pathlib import Path

import pytest

from maestro_ray.extensions.plugins import (
    HOOKS,
    MANIFEST,
    MARKETPLACE,
    SERVERS,
    Offer,
    parts,
    read_marketplace,
    read_plugin,
)
from maestro_ray.extensions.tree import Leaf, put_tree

from .trees import skill


def tree(**files: object) -> dict[str, Leaf]:
    """Files by path; what is no text is written as JSON."""
    return {
        path: Leaf((text if isinstance(text, str) else json.dumps(text)).encode())
        for path, text in files.items()
    }


AGENT = "---\nname: helper\ndescription: x\n---\nHelp."
HOOK = {"PreToolUse": [{"hooks": [{"type": "command", "command": "${CLAUDE_PLUGIN_ROOT}/check"}]}]}


def test_a_plugin_with_everything_at_its_usual_place(tmp_path: Path) -> None:
    plugin = read_plugin(
        tree(
            **{
                MANIFEST: {"name": "tools", "version": "1.0", "description": "Does\nit."},
                "skills/pdf/SKILL.md": skill("pdf"),
                "agents/helper.md": AGENT,
                SERVERS: {"mcpServers": {"files": {"command": "x"}, "bad": {}}},
                HOOKS: {"hooks": HOOK},
                "commands/x.md": "",
            }
        )
    )
    assert (plugin.name, plugin.version, plugin.description) == ("tools", "1.0", "Does it.")
    put_tree(plugin.files, tmp_path / "p")
    found = parts(tmp_path / "p", "tools")
    assert [each.name for each in (*found.skills, *found.agents, *found.servers, *found.hooks)] == [
        "pdf",
        "helper",
        "files",
        "bad",
        "PreToolUse",
    ]
    assert found.problems() == ["bad: it needs a command or url"]
    assert found.unused == ("commands",)


def test_what_the_manifest_names_elsewhere_is_laid_where_it_is_looked_for(tmp_path: Path) -> None:
    files = tree(
        **{
            MANIFEST: {
                "name": "tools",
                "skills": ["./more/", "./one"],
                "agents": "./special/helper.md",
                "mcpServers": {"a": {"command": "x"}},
                "hooks": "./config/hooks.json",
            },
            "more/pdf/SKILL.md": skill("pdf"),
            "one/SKILL.md": skill("one"),
            "skills/xls/SKILL.md": skill("xls"),
            "special/helper.md": AGENT,
            "config/hooks.json": {"hooks": HOOK},
            SERVERS: {"mcpServers": {"b": {"command": "y"}}},
        }
    )
    put_tree(read_plugin(files).files, tmp_path / "p")
    found = parts(tmp_path / "p", "tools")
    assert found.problems() == []
    assert [each.name for each in (*found.skills, *found.agents, *found.servers, *found.hooks)] == [
        "one",
        "pdf",
        "xls",
        "helper",
        "b",
        "a",
        "PreToolUse",
    ]


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        ("{", f"{MANIFEST}: not JSON"),
        ([], f"{MANIFEST} must be an object"),
        ({}, "the name '' of the plugin"),
        ({"name": "../x"}, "the name '../x' of the plugin"),
        ({"name": 1}, "'name' must be a text"),
        ({"name": "x", "skills": "../y"}, "'skills' names the path '../y', which leads out of the plugin"),
        ({"name": "x", "agents": ["/etc"]}, "'agents' names the path '/etc', which leads out of the plugin"),
        (
            {"name": "x", "hooks": "a/../../y"},
            "'hooks' names the path 'a/../../y', which leads out of the plugin",
        ),
        ({"name": "x", "mcpServers": "./none.json"}, "there is no none.json"),
        ({"name": "x", "mcpServers": []}, "'mcpServers' must be an object or the path of a file with one"),
        ({"name": "x", "skills": 1}, "'skills' must be a path or a list of paths"),
    ],
)
def test_a_bad_manifest_is_said(manifest: object, sentence: str) -> None:
    with pytest.raises(ValueError) as refused:
        read_plugin(tree(**{MANIFEST: manifest}))
    assert str(refused.value).startswith(sentence)


def test_without_a_manifest_it_is_no_plugin() -> None:
    with pytest.raises(ValueError, match=r"there is no \.claude-plugin/plugin\.json"):
        read_plugin(tree(a="b"))
    assert read_plugin(tree(a="b"), {"name": "offered"}).name == "offered"


def test_a_marketplace_and_its_broken_entries() -> None:
    entries = [
        {"name": "here", "source": "./plugins/here", "description": "d"},
        {"name": "rooted", "source": "rooted"},
        {"name": "hub", "source": {"source": "github", "repo": "o/r", "ref": "v1"}},
        {
            "name": "sub",
            "source": {"source": "git-subdir", "url": "https://x/y.git", "path": "p", "sha": "abc1234"},
        },
        {"name": "out", "source": "./../x"},
        {"name": "Bad Name", "source": "./x"},
        {"name": "odd", "source": {"source": "npm", "package": "x"}},
        {"name": "none"},
        3,
    ]
    found = read_marketplace(
        tree(**{MARKETPLACE: {"name": "m", "metadata": {"pluginRoot": "./all"}, "plugins": entries}})
    )
    assert [(each.name, each.inside, each.place, each.ref) for each in found if isinstance(each, Offer)] == [
        ("here", "plugins/here", "", ""),
        ("rooted", "all/rooted", "", ""),
        ("hub", ".", "o/r", "v1"),
        ("sub", "p", "https://x/y.git", "abc1234"),
    ]
    assert [each for each in found if isinstance(each, str)] == [
        "out: 'source' names the path './../x', which leads out of the plugin",
        "Bad Name: the name 'Bad Name' must be small letters, digits, '-', '_' and '.'",
        "odd: a source of the kind 'npm' is not known",
        "none: 'source' must be a path or an object",
        "?: an entry must be an object",
    ]
    with pytest.raises(ValueError, match="'plugins' must be a list"):
        read_marketplace(tree(**{MARKETPLACE: {}}))


def test_what_a_manifest_names_many_times_is_counted_each_time() -> None:
    """A deep path and each directory above it: 60 MiB would become gigabytes on the disk."""
    deep = [f"d{n}" for n in range(80)]
    manifest = json.dumps({"name": "x", "skills": ["/".join(deep[: n + 1]) for n in range(80)]})
    tree = {MANIFEST: Leaf(manifest.encode()), "/".join(deep) + "/f": Leaf(bytes(1024 * 1024))}
    with pytest.raises(ValueError, match="larger than 64 MiB"):
        read_plugin(tree)


def test_a_plugin_that_is_one_skill_has_its_name() -> None:
    tree = {MANIFEST: Leaf(b'{"name": "one", "skills": "./"}'), "SKILL.md": Leaf(skill("one").encode())}
    files = read_plugin(tree).files
    assert "skills/one/SKILL.md" in files
    assert not any("/./" in path for path in files)
