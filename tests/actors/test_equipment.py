"""What a team was given survives the journal as it was."""

from __future__ import annotations

import json
from pathlib import Path

from maestro_ray.actors.equipment import Equipment, Outfit
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.hooks import Hook
from maestro_ray.extensions.skills import Skill
from maestro_ray.ports import McpServer

REPO = Origin("repository", Path("/repo"))
PLUGIN = Origin("plugin", Path("/p"), "tools")
SKILL = Found("pdf", REPO, Path("/repo/s/SKILL.md"), Skill("pdf", "Reads.", Path("/repo/s/SKILL.md")))
SERVER = Found(
    "a", Origin("user"), Path("/h/config.toml"), McpServer("a", command="run", args=("x",), env={"T": "${T}"})
)
HOOK = Found(
    "PreMerge", PLUGIN, Path("/p/hooks.json"), Hook("PreMerge", ("sh", "-c", "x"), Path("/p"), 3.0, "")
)
FULL = Equipment(
    {"dev": Outfit((SKILL,), "careful", "Be careful.", ("Read",), ("Bash",))},
    (SERVER,),
    (HOOK,),
    ("something is odd",),
    ("T",),
    team_tools=False,
)


def test_it_is_read_back_as_it_was() -> None:
    assert Equipment.from_json(json.loads(json.dumps(FULL.to_json()))) == FULL


def test_a_team_of_an_earlier_version_has_none() -> None:
    assert Equipment.from_json({}) == Equipment()


def test_a_workers_own_outfit_comes_before_that_of_its_role() -> None:
    mine = Outfit(agent="other")
    equipment = FULL.with_outfit("dev-2", mine)
    assert equipment.outfit("dev-2", "dev") == mine
    assert equipment.outfit("dev-1", "dev") == FULL.outfits["dev"]
    assert equipment.outfit("test-1", "test") == Outfit()
