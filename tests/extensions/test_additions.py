from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.errors import Conflict, NotWritable, UsageError
from maestro_ray.extensions.additions import add_definition, add_skill, skills_of, take_out
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.tree import Leaf

from .trees import skill, write


def leaves(**files: str) -> dict[str, Leaf]:
    return {path: Leaf(text.encode()) for path, text in files.items()}


def test_skills_of_a_tree_come_with_their_files() -> None:
    tree = leaves(
        **{"skills/a/SKILL.md": skill("a"), "skills/a/run": "x", "b/skill.md": skill("b"), "README": ""}
    )
    assert {name: sorted(files) for name, files in skills_of(tree).items()} == {
        "b": ["skill.md"],
        "a": ["SKILL.md", "run"],
    }
    assert list(skills_of(leaves(**{"SKILL.md": skill("one"), "x/SKILL.md": skill("x")}))) == ["one"]
    with pytest.raises(ValueError, match=r"there is no SKILL\.md in it"):
        skills_of(leaves(a="b"))
    with pytest.raises(ValueError, match="is not UTF-8"):
        skills_of({"SKILL.md": Leaf(b"\xff")})


def test_a_name_cannot_lead_out_of_the_place(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is broken"):
        add_skill(tmp_path / "skills", "../out", leaves(**{"SKILL.md": skill("../out")}))
    write(tmp_path, {"a.md": "---\nname: ../out\ndescription: x\n---\nP"})
    with pytest.raises(UsageError, match="is no agent definition"):
        add_definition(tmp_path / "agents", tmp_path / "a.md")
    assert [each.name for each in tmp_path.iterdir()] == ["a.md"]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    write(tmp_path, {"agents": "", "a.md": "---\ndescription: x\n---\nP"})
    with pytest.raises(NotWritable):
        add_definition(tmp_path / "agents", tmp_path / "a.md")
    with pytest.raises(NotWritable):
        add_skill(tmp_path / "agents", "a", leaves(**{"SKILL.md": skill("a")}))


def test_a_link_is_taken_out_and_not_what_it_leads_to(tmp_path: Path) -> None:
    write(tmp_path, {"real/a/SKILL.md": skill("a"), "skills/x": ""})
    (tmp_path / "skills/a").symlink_to(tmp_path / "real/a")
    found = [Found[object]("a", Origin("user"), tmp_path / "skills/a/SKILL.md")]
    assert take_out(found, [tmp_path / "skills"], "skill") == tmp_path / "skills/a"
    assert (tmp_path / "real/a/SKILL.md").exists()
    with pytest.raises(Conflict, match="in a place that is not maestro's"):
        take_out(found, [tmp_path / "other"], "skill")


def test_of_two_skills_of_one_name_none_is_taken_unasked() -> None:
    with pytest.raises(ValueError, match="two directories of it are a skill 'a'"):
        skills_of(leaves(**{"x/a/SKILL.md": skill("a"), "y/a/SKILL.md": skill("a", "Another.")}))
