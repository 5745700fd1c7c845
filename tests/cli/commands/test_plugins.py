from __future__ import annotations

import json
import re

import pytest

from maestro_ray.extensions.plugins import HOOKS, MANIFEST, MARKETPLACE, SERVERS

SECRET = "s3cr3t-value-of-mine"


@pytest.fixture
def plugin(ground):
    hook = {"hooks": {"PreMerge": [{"hooks": [{"type": "command", "command": "touch RAN"}]}]}}
    ground.write(
        {
            f"plug/{MANIFEST}": json.dumps({"name": "tools", "version": "1.0", "description": "Tools."}),
            "plug/skills/pdf/SKILL.md": "---\nname: pdf\ndescription: Fills forms.\n---\n",
            "plug/agents/bad.md": "x",
            f"plug/{SERVERS}": json.dumps(
                {"mcpServers": {"files": {"command": "npx", "env": {"K": SECRET}}}}
            ),
            f"plug/{HOOKS}": json.dumps(hook),
            "plug/commands/x.md": "",
        }
    )
    return ground


def shown(ground):
    return (
        "tools    Tools.\n"
        "version  1.0\n"
        f"from     {ground.root}/plug\n"
        "commit   files DIGEST\n"
        "skill    pdf: Fills forms.\n"
        "mcp      files: npx\n"
        "hook     PreMerge: touch RAN\n"
        "broken   bad: there is no frontmatter: the first line must be ---\n"
        "unused   commands\n"
    )


def same(text):
    return re.sub(r"files [0-9a-f]{12}", "files DIGEST", text)


def test_nothing_is_installed(ground):
    assert ground.text("plugins", "list") == "no plugin is installed: see `maestro plugins add --help`\n"
    assert ground.text("plugins", "validate") == "all sound\n"


def test_what_it_adds_is_shown_before_anything_is_installed(plugin):
    code, out, err = plugin.run("plugins", "add", "../plug")
    assert (code, same(out)) == (2, shown(plugin))
    assert err.startswith(
        "error: Install the plugin tools? Nobody can be asked here, and nothing was changed\n"
    )
    assert not plugin.home.exists()


def test_a_person_is_asked(plugin):
    code, out, err = plugin.run("plugins", "add", "../plug", stdin="n\n", terminal=True)
    assert (code, err) == (1, "")
    assert out.endswith("Install the plugin tools? [y/N]: nothing was changed\n")
    assert not plugin.home.exists()
    code, out, _ = plugin.run("plugins", "add", "../plug", stdin="y\n", terminal=True)
    assert code == 0
    assert "installed tools\n" in out


def test_it_is_installed_listed_updated_and_removed(plugin):
    told = plugin.text("plugin", "add", "../plug", "--yes")
    assert same(told) == shown(plugin) + (
        "installed tools\nits hooks are not run before you trust them: maestro hooks install\n"
    )
    assert same(plugin.text("marketplace", "list")) == (
        f"NAME   VERSION  COMMIT              FROM\ntools  1.0      files DIGEST  {plugin.root}/plug\n"
    )
    assert plugin.json("skills", "show", "pdf")["skill"]["plugin"] == "tools"
    assert plugin.json("hooks", "list")["hooks"][0]["state"] == "untrusted"
    found = plugin.json("plugins", "show", "tools")["plugin"]
    assert found["adds"]["servers"][0]["env"] == {"K": "***"}
    assert found["adds"]["problems"] == ["bad: there is no frontmatter: the first line must be ---"]
    assert plugin.text("plugins", "update", "tools") == "tools is up to date\n"
    plugin.write({"plug/agents/bad.md": "---\ndescription: x\n---\nP", "plug/new": ""})
    code, out, _ = plugin.run("plugins", "update", "tools")
    assert code == 2
    assert out.splitlines()[1:3] == ["+ new", "~ agents/bad.md"]
    told = plugin.json("plugins", "update", "tools", "--yes")
    assert told["changes"] == {"added": ["new"], "removed": [], "changed": ["agents/bad.md"]}
    assert plugin.json("agents", "show", "bad")["status"] == "used"
    assert plugin.text("plugins", "validate") == "all sound\n"
    assert plugin.run("plugins", "remove", "tool", "--yes") == (
        1,
        "",
        "error: there is no plugin 'tool'\nhint: there are: tools (did you mean tools?)\n",
    )
    assert plugin.text("plugins", "remove", "tools", "--yes") == "removed tools\n"
    assert plugin.json("skills", "list")["skills"] == []
    assert not list(plugin.root.rglob("RAN"))


def test_files_that_were_changed_since_are_noticed(plugin):
    plugin.run("plugins", "add", "../plug", "--yes")
    place = plugin.json("plugins", "show", "tools")["plugin"]["path"]
    (plugin.home / "plugins" / place / "skills/pdf/SKILL.md").write_text("else")
    told = plugin.json("plugins", "validate", code=1)["problems"]
    assert told[0] == f"tools: its files in {place} are not those that were installed"


def test_a_plugin_that_leads_out_is_refused(plugin):
    (plugin.root / "plug/link").symlink_to("../../secret")
    code, out, err = plugin.run("plugins", "add", "../plug", "--yes")
    assert (code, out) == (2, "")
    assert err == f"error: {plugin.root}/plug is refused: link is a link that leads out of it: ../../secret\n"
    assert not plugin.home.exists()
    (plugin.root / "plug/link").unlink()
    plugin.write({f"plug/{MANIFEST}": json.dumps({"name": "tools", "skills": "../../.ssh"})})
    assert plugin.run("plugins", "add", "../plug", "--yes")[2].startswith(
        f"error: {plugin.root}/plug is no plugin: 'skills' names the path '../../.ssh', which leads out of the plugin\n"
    )
    assert plugin.run("plugins", "validate", "../plug")[0] == 1


def test_a_marketplace_offers_several(plugin):
    entries = [{"name": "tools", "source": "./plug"}, {"name": "other", "source": "./other"}, {"name": "?"}]
    plugin.write({MARKETPLACE: json.dumps({"name": "m", "plugins": entries}), "other/x": ""})
    assert plugin.run("marketplace", "add", "..")[2] == (
        f"error: {plugin.root} offers 2 plugins: tools, other\n"
        f"hint: for example: maestro plugins add {plugin.root} --plugin tools\n"
    )
    plugin.run("marketplace", "add", "..", "--plugin", "tools", "--yes")
    assert plugin.json("plugins", "list")["plugins"][0]["chosen"] == "tools"
    told = plugin.json("plugins", "validate", "..", code=1)["problems"]
    assert told == [
        f"{plugin.repo}/..: ?: the name '?' must be small letters, digits, '-', '_' and '.'",
        "tools: bad: there is no frontmatter: the first line must be ---",
    ]


@pytest.mark.parametrize("source", ["ext::sh -c x", "http://x.example/a", "--upload-pack=x", "../none"])
def test_what_is_no_source_is_bad_usage(ground, source):
    code, out, err = ground.run("plugins", "add", "--", source)
    assert (code, out) == (1 if source == "../none" else 2, "")
    assert err.startswith("error: ")


def test_no_escape_of_a_plugin_reaches_the_terminal(plugin):
    about = {"name": "tools", "version": "1\x1b[31m", "description": "x\x1b]0;y\x07"}
    plugin.write({f"plug/{MANIFEST}": json.dumps(about)})
    told = plugin.text("plugins", "add", "../plug", "--yes")
    told += plugin.text("plugins", "list") + plugin.text("plugins", "show", "tools")
    assert "1 [31m" in told
    assert "\x1b" not in told


def test_another_plugin_of_the_name_of_one_that_was_removed_is_not_trusted(plugin):
    """Its hook may have the same words and load other files: where it is from counts."""
    plugin.text("plugins", "add", "../plug", "--yes")
    plugin.text("hooks", "install", "--yes")
    plugin.text("plugins", "update", "tools", "--yes")
    assert [each["state"] for each in plugin.json("hooks", "list")["hooks"]] == ["trusted"]
    plugin.text("plugins", "remove", "tools", "--yes")
    (plugin.root / "plug").rename(plugin.root / "evil")
    plugin.write({"evil/lib.py": "evil"})
    plugin.text("plugins", "add", "../evil", "--yes")
    assert [each["state"] for each in plugin.json("hooks", "list")["hooks"]] == ["untrusted"]
