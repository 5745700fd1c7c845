from __future__ import annotations

import pytest

from maestro_ray.extensions.tree import read_directory


def skill(name, about="Does it.", more=""):
    return f"---\nname: {name}\ndescription: {about}\n{more}---\nHow.\n"


@pytest.fixture
def skills(ground):
    ground.write(
        {
            "repo/.claude/skills/pdf/SKILL.md": skill("pdf", "Fills forms.", "model: opus\n"),
            "repo/.claude/skills/bad/SKILL.md": "no head",
            "home/skills/pdf/SKILL.md": skill("pdf"),
        }
    )
    return ground


def test_nothing_is_there(ground):
    assert ground.text("skills", "list") == (
        "there is no skill: make a directory with a SKILL.md in .maestro/skills, or see `maestro skills add --help`\n"
    )
    assert ground.text("skills", "validate") == "0 skills, sound\n"


def test_all_are_listed_with_what_shadows_what(skills):
    bad, pdf = (skills.repo / ".claude/skills" / name / "SKILL.md" for name in ("bad", "pdf"))
    assert skills.text("skills", "list") == (
        "NAME  FROM        STATE     ABOUT\n"
        f"bad   repository  broken    there is no frontmatter: the first line must be --- ({bad})\n"
        "pdf   repository  used      Fills forms.\n"
        f"pdf   user        shadowed  by {pdf}\n"
    )
    told = skills.json("skills", "list")
    assert (told["kind"], told["action"], told["status"]) == ("skill", "list", "ok")
    assert told["skills"][2] == {
        "name": "pdf",
        "from": "user",
        "plugin": "",
        "path": str(skills.home / "skills/pdf/SKILL.md"),
        "state": "shadowed",
        "problem": "",
        "notes": [],
        "shadowed_by": str(pdf),
        "description": "Does it.",
        "fields": {},
    }


def test_one_is_shown(skills):
    assert skills.text("skills", "show", "pdf") == (
        "name     pdf\n"
        "from     repository\n"
        "state    used\n"
        f"file     {skills.repo}/.claude/skills/pdf/SKILL.md\n"
        "about    Fills forms.\n"
        "model    opus\n"
        "note     the standard does not know 'model'\n"
        f"also in  {skills.home}/skills/pdf/SKILL.md (shadowed)\n"
    )
    assert skills.json("skills", "show", "pdf")["others"][0]["from"] == "user"
    assert skills.run("skills", "show", "pfd") == (
        1,
        "",
        "error: there is no skill 'pfd'\nhint: there are: bad, pdf (did you mean pdf?)\n",
    )


def test_what_is_broken_is_exit_1(skills):
    code, out, err = skills.run("skills", "validate")
    assert (code, err) == (1, "")
    assert out == (
        f"{skills.repo}/.claude/skills/bad/SKILL.md: there is no frontmatter: the first line must be ---\n"
        f"{skills.repo}/.claude/skills/pdf/SKILL.md: note: the standard does not know 'model'\n"
        "3 skills, 1 broken\n"
    )
    assert skills.text("skills", "validate", str(skills.home / "skills/pdf")) == "1 skill, sound\n"
    assert skills.json("skills", "validate", ".claude/skills/bad", code=1)["status"] == "broken"
    assert (
        skills.json("skills", "validate", "nowhere", code=1)["skills"][0]["problem"] == "there is no SKILL.md"
    )


def test_one_is_added_used_and_removed(skills):
    skills.write({"elsewhere/xls/SKILL.md": skill("xls"), "elsewhere/xls/run.sh": "#!/bin/sh"})
    place = skills.repo / ".maestro/skills/xls"
    assert skills.text("skills", "add", "../elsewhere/xls") == f"added {place}\n"
    assert read_directory(place) == read_directory(skills.root / "elsewhere/xls")
    assert skills.json("skills", "show", "xls")["skill"]["state"] == "used"
    assert skills.run("skills", "add", "../elsewhere/xls") == (
        1,
        "",
        f"error: there is a skill in {place} already\nhint: maestro skills remove xls\n",
    )
    assert skills.run("skills", "remove", "xls") == (
        2,
        "",
        "error: Remove the skill xls? Nobody can be asked here, and nothing was changed\nhint: say it with --yes\n",
    )
    assert skills.text("skills", "remove", "xls", "--yes") == f"removed {place}\n"
    assert not place.exists()


def test_one_of_several_is_named(skills):
    skills.write({"all/a/SKILL.md": skill("a"), "all/b/SKILL.md": skill("b")})
    assert skills.run("skills", "add", "../all", "--user")[2] == (
        "error: there are several skills: a, b\nhint: for example: --skill a\n"
    )
    assert (
        skills.text("skills", "add", "../all", "--skill", "b", "--user") == f"added {skills.home}/skills/b\n"
    )
    assert skills.run("skills", "add", "../all", "--skill", "aa")[2] == (
        "error: there is no skill 'aa'\nhint: there are: a, b (did you mean a?)\n"
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"new/x": ""}, "error: ../new is no skill: there is no SKILL.md in it\n"),
        ({"new/new/SKILL.md": "x"}, "error: the skill 'new' is broken: there is no frontmatter"),
        (
            {"new/SKILL.md": skill("../up")},
            "error: the skill '../up' is broken: the name '../up' must be small letters",
        ),
    ],
)
def test_what_is_broken_is_not_added(skills, files, said):
    skills.write(files)
    code, out, err = skills.run("skills", "add", "../new")
    assert (code, out) == (2, "")
    assert err.startswith(said)
    assert not (skills.repo / ".maestro").exists()


def test_what_is_not_maestros_is_not_removed(skills):
    file = skills.repo / ".claude/skills/bad/SKILL.md"
    assert skills.run("skills", "remove", "bad", "--yes") == (
        1,
        "",
        f"error: the skill 'bad' is in a place that is not maestro's: {file}\nhint: remove {file} yourself\n",
    )


def test_outside_of_a_repository_only_ones_own_can_be_added(skills, capsys):
    from maestro_cli import main

    skills.write({"elsewhere/xls/SKILL.md": skill("xls")})
    for words, code in ((["--user"], 0), ([], 2)):
        assert main.run(["-C", str(skills.root / "elsewhere"), "skills", "add", "xls", *words]) == code
    assert "with --user it is yours everywhere" in capsys.readouterr().err


def test_no_link_of_the_repository_leads_what_is_added_or_removed_elsewhere(skills):
    """`.maestro/skills` may be anything that was merged: a link to the person's own files, too."""
    skills.write({"mine/pdf/SKILL.md": skill("pdf"), "new/fresh/SKILL.md": skill("fresh")})
    (skills.repo / ".maestro").mkdir(exist_ok=True)
    (skills.repo / ".maestro/skills").symlink_to(skills.repo.parent / "mine")
    assert "is a link that leads out of the repository" in skills.run("skills", "add", "../new/fresh")[2]
    assert "removed" in skills.text("skills", "remove", "pdf", "--yes")
    assert (skills.repo.parent / "mine/pdf/SKILL.md").exists()
    assert not (skills.repo.parent / "mine/fresh").exists()
    assert not (skills.home / "skills/pdf").exists()
