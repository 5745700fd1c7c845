from __future__ import annotations

import pytest

TEXT = "---\nname: reviewer\ndescription: Judges.\nmodel: opus\ntools: Read\n---\nYou judge.\nStrictly.\n"


@pytest.fixture
def agents(ground):
    ground.write({"repo/.claude/agents/reviewer.md": TEXT, "repo/.maestro/agents/bad.toml": "promt = 1"})
    return ground


def test_all_are_listed_and_checked(ground):
    assert ground.text("agents", "list") == (
        "there is no agent definition: they are files .maestro/agents/NAME.md or NAME.toml\n"
    )
    ground.write({"repo/.claude/agents/reviewer.md": TEXT, "repo/.maestro/agents/bad.toml": "promt = 1"})
    bad = ground.repo / ".maestro/agents/bad.toml"
    assert ground.text("agents", "list") == (
        "NAME      FROM        STATE   ABOUT\n"
        f"bad       repository  broken  bad.toml:1:1: unknown key 'promt' (did you mean prompt?) ({bad})\n"
        "reviewer  repository  used    Judges.\n"
    )
    assert ground.run("agents", "validate") == (
        1,
        f"{bad}: bad.toml:1:1: unknown key 'promt' (did you mean prompt?)\n2 agent definitions, 1 broken\n",
        "",
    )
    assert ground.text("agents", "validate", ".claude/agents/reviewer.md") == "1 agent definition, sound\n"
    assert ground.json("agents", "validate", "x.txt", code=1)["agents"][0]["problem"] == (
        "a definition is a .md or a .toml file"
    )


def test_one_is_shown_with_its_prompt(agents):
    assert agents.text("agents", "show", "reviewer") == (
        "name   reviewer\n"
        "from   repository\n"
        "state  used\n"
        f"file   {agents.repo}/.claude/agents/reviewer.md\n"
        "about  Judges.\n"
        "model  opus\n"
        "tools  Read\n"
        "\n"
        "You judge.\n"
        "Strictly.\n"
    )
    told = agents.json("agents", "show", "reviewer")["agent"]
    assert (told["model"], told["tools"], told["prompt"]) == ("opus", ["Read"], "You judge.\nStrictly.")
    assert agents.run("agents", "show", "reviewr")[2].endswith("(did you mean reviewer?)\n")


def test_one_is_added_and_removed(agents):
    agents.write({"new.md": TEXT.replace("reviewer", "writer"), "odd.md": "x"})
    place = agents.home / "agents/writer.md"
    assert agents.text("agents", "add", "../new.md", "--user") == f"added {place}\n"
    assert place.read_text() == TEXT.replace("reviewer", "writer")
    assert agents.run("agents", "add", "../new.md", "--user") == (
        1,
        "",
        f"error: there is {place} already\nhint: maestro agents remove writer\n",
    )
    assert agents.run("agents", "add", "../odd.md")[0] == 2
    assert agents.run("agents", "add", "../none.md")[2].startswith("error: ")
    assert agents.text("agents", "remove", "writer", "--yes") == f"removed {place}\n"
    assert agents.run("agents", "remove", "reviewer", "--yes")[0] == 1
