from __future__ import annotations

import json
from pathlib import Path

import pytest
from workspace.sample import Sample

from maestro_ray.errors import Conflict, NotFound, UsageError
from maestro_ray.extensions import installed as store
from maestro_ray.extensions.found import used
from maestro_ray.extensions.hooks import find_hooks
from maestro_ray.extensions.installed import (
    difference,
    install,
    installed,
    look_up,
    remove,
    surroundings,
    unpacked,
)
from maestro_ray.extensions.plugins import HOOKS, MANIFEST, MARKETPLACE
from maestro_ray.extensions.skills import find_skills
from maestro_ray.extensions.source import Source
from maestro_ray.extensions.tree import Leaf, read_directory
from maestro_ray.extensions.trust import allowed, trusted
from maestro_ray.workspace.git import Git

from .trees import skill, trust_now, write

HOOK = {"hooks": {"PreMerge": [{"hooks": [{"type": "command", "command": "$CLAUDE_PLUGIN_ROOT/check"}]}]}}


def plugin(root: Path, name: str = "tools", **files: str) -> Path:
    return write(root, {MANIFEST: json.dumps({"name": name}), "skills/pdf/SKILL.md": skill("pdf"), **files})


def test_a_plugin_is_pinned_to_its_commit_and_found(sample: Sample, tmp_path: Path) -> None:
    home = tmp_path / "home"
    plugin(sample.path)
    commit = sample.commit("plugin")
    candidate = look_up(Source(str(sample.path), "main"), Git)
    made = install(home, candidate)
    assert (made.pin.commit, made.pin.ref, made.pin.place) == (commit, "main", str(sample.path))
    assert installed(home) == [made]
    assert not made.changed()
    found = find_skills(surroundings(tmp_path, home))
    assert [(each.name, str(each.origin)) for each in found if each.value] == [("pdf", "plugin tools")]
    write(made.path, {"skills/pdf/SKILL.md": "else"})
    assert installed(home)[0].changed()


def test_an_update_takes_the_place_of_what_was_there(sample: Sample, tmp_path: Path) -> None:
    home, source = tmp_path / "home", Source(str(sample.path))
    plugin(sample.path)
    sample.commit("one")
    before = install(home, look_up(source, Git))
    plugin(sample.path, **{"skills/pdf/SKILL.md": skill("pdf", "Better."), "new": "x"})
    sample.git("rm", "-q", "README.md", "--ignore-unmatch")
    sample.commit("two")
    candidate = look_up(source, Git)
    told = difference(read_directory(before.path), candidate.plugin.files)
    assert ("new" in told.added, told.changed) == (True, ("skills/pdf/SKILL.md",))
    after = install(home, candidate)
    assert [each.name for each in (home / "plugins").iterdir()] == [after.path.name]
    assert [each.description for each in used(find_skills(surroundings(tmp_path, home)))] == ["Better."]
    assert not difference(read_directory(after.path), candidate.plugin.files)


def test_an_install_that_is_cut_leaves_what_was_there(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pin is written last: until then the old files count, and the new ones are swept up the next time."""
    home = tmp_path / "home"
    plugin(tmp_path / "p")
    before = install(home, look_up(Source(str(tmp_path / "p")), Git))
    plugin(tmp_path / "p", more="x")

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store, "asdict", cut)
        with pytest.raises(KeyboardInterrupt):
            install(home, look_up(Source(str(tmp_path / "p")), Git))
    assert installed(home) == [before]
    assert not before.changed()
    after = install(home, look_up(Source(str(tmp_path / "p")), Git))
    assert [each.name for each in (home / "plugins").iterdir()] == [after.path.name]


def test_a_name_belongs_to_the_source_it_came_from_first(tmp_path: Path) -> None:
    plugin(tmp_path / "a")
    plugin(tmp_path / "b")
    install(tmp_path / "home", look_up(Source(str(tmp_path / "a")), Git))
    with pytest.raises(Conflict, match="a plugin 'tools' is installed from") as refused:
        install(tmp_path / "home", look_up(Source(str(tmp_path / "b")), Git))
    assert refused.value.hint == "maestro plugins remove tools"


def test_what_is_removed_is_gone(tmp_path: Path) -> None:
    plugin(tmp_path / "a")
    made = install(tmp_path / "home", look_up(Source(str(tmp_path / "a")), Git))
    with pytest.raises(NotFound) as refused:
        remove(tmp_path / "home", "tool")
    assert refused.value.hint == "there are: tools (did you mean tools?)"
    remove(tmp_path / "home", "tools")
    assert not made.path.exists()
    assert installed(tmp_path / "home") == []


def test_hooks_of_a_plugin_need_trust_which_an_update_of_them_ends(tmp_path: Path) -> None:
    home, source = tmp_path / "home", Source(str(tmp_path / "p"))
    plugin(tmp_path / "p", **{HOOKS: json.dumps(HOOK), "check": "exit 0"})
    install(home, look_up(source, Git))
    assert not allowed(find_hooks(surroundings(tmp_path, home))[-1], trusted(home))
    trust_now(home, find_hooks(surroundings(tmp_path, home))[-1])
    assert allowed(find_hooks(surroundings(tmp_path, home))[-1], trusted(home))
    write(tmp_path / "p", {"notes": "x"})
    install(home, look_up(source, Git))
    assert allowed(find_hooks(surroundings(tmp_path, home))[-1], trusted(home))
    write(tmp_path / "p", {"check": "curl evil"})
    install(home, look_up(source, Git))
    assert not allowed(find_hooks(surroundings(tmp_path, home))[-1], trusted(home))


def marketplace(root: Path, *names: str, **elsewhere: object) -> Source:
    entries = [{"name": name, "source": f"./{name}"} for name in names]
    entries += [{"name": name, "source": source} for name, source in elsewhere.items()]
    for name in names:
        write(root, {f"{name}/skills/{name}/SKILL.md": skill(name), f"{name}/own": name})
    write(root, {MARKETPLACE: json.dumps({"name": "m", "plugins": entries})})
    return Source(str(root))


def test_one_plugin_of_a_marketplace_is_chosen(tmp_path: Path) -> None:
    source = marketplace(tmp_path / "m", "a", "b")
    candidate = look_up(source, Git, "b")
    assert (candidate.plugin.name, candidate.pin.chosen, candidate.plugin.files["own"]) == (
        "b",
        "b",
        Leaf(b"b"),
    )
    with pytest.raises(UsageError, match="offers 2 plugins: a, b") as refused:
        look_up(source, Git)
    assert refused.value.hint == f"for example: maestro plugins add {source} --plugin a"
    with pytest.raises(NotFound) as unknown:
        look_up(source, Git, "c")
    assert unknown.value.hint.startswith(f"{source} offers: a, b")
    assert look_up(marketplace(tmp_path / "one", "a"), Git).plugin.name == "a"


def test_a_marketplace_cannot_reach_into_this_machine(tmp_path: Path) -> None:
    plugin(tmp_path / "private")
    source = marketplace(tmp_path / "m", a={"source": "url", "url": str(tmp_path / "private")})
    with pytest.raises(UsageError, match="names the directory"):
        look_up(source, Git)
    source = marketplace(tmp_path / "n", a={"source": "url", "url": "ext::sh -c touch% x"})
    with pytest.raises(UsageError, match="is no source"):
        look_up(source, Git)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"a": "b"}, "is no plugin: there is no .claude-plugin/plugin.json"),
        ({MANIFEST: '{"name": "x", "skills": "../../home"}'}, "which leads out of the plugin"),
    ],
)
def test_what_is_no_plugin_is_refused_and_nothing_is_written(
    tmp_path: Path, files: dict[str, str | bytes], sentence: str
) -> None:
    write(tmp_path / "p", files)
    with pytest.raises(UsageError, match=sentence):
        look_up(Source(str(tmp_path / "p")), Git)
    (tmp_path / "p" / "link").symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="is refused: link is a link that leads out of it"):
        look_up(Source(str(tmp_path / "p")), Git)


def test_a_candidate_can_be_looked_at(tmp_path: Path) -> None:
    plugin(tmp_path / "p")
    with unpacked(look_up(Source(str(tmp_path / "p")), Git)) as place:
        assert (place / "skills/pdf/SKILL.md").exists()
    assert not place.exists()
