"""What a team is given is found once, in the operator's checkout; what is broken is left out with a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from extensions.trees import repository, skill, write

from maestro_ray.actors.equipment import Equipment, Outfit
from maestro_ray.actors.equipping import (
    definitions,
    equip,
    of_words,
    untrusted,
    variables_of_servers,
    with_model,
    with_skills,
)
from maestro_ray.config import Config, RoleTable
from maestro_ray.errors import NotFound, UsageError
from maestro_ray.extensions.trust import fingerprint, trust
from maestro_ray.home import Home
from maestro_ray.ports import ProviderSpec

CLAUDE, COMMAND = ProviderSpec("claude"), ProviderSpec("command")
CAREFUL = "---\nname: careful\ndescription: Takes care.\nmodel: opus\ntools: Read, Grep\nskills: pdf, gone\npermissionMode: plan\n---\nBe careful.\n"


def given(
    home: Home, repo: Path, *, asked: tuple[str, ...] = (), config: Config | None = None, provider: ProviderSpec = CLAUDE,
    skills: tuple[str, ...] = (),
) -> Equipment:  # fmt: skip
    config = config or Config()
    defined = definitions(home, repo, config, ["dev"])
    return equip(home, repo, config, {"dev": skills}, asked, defined, {"dev": provider})


def names(outfit: Outfit) -> list[str]:
    return [each.name for each in outfit.skills]


def test_a_role_is_given_the_skills_that_are_named_and_there(home: Home, tmp_path: Path) -> None:
    files = {f".maestro/skills/{name}/SKILL.md": skill(name) for name in ("pdf", "csv", "unasked")}
    repo = repository(tmp_path, files)
    equipment = given(home, repo, asked=("csv",), skills=("pdf", "python"))
    assert names(equipment.outfits["dev"]) == ["pdf", "csv"]
    assert equipment.notes == ()


def test_a_skill_that_was_asked_for_must_be_there_and_whole(home: Home, tmp_path: Path) -> None:
    repo = repository(tmp_path, {".claude/skills/broken/SKILL.md": "no head\n"})
    with pytest.raises(NotFound, match="'pfd'"):
        given(home, repo, asked=("pfd",))
    with pytest.raises(UsageError, match="the skill 'broken' is broken"):
        given(home, repo, asked=("broken",))


@pytest.mark.parametrize(
    "text", ["no head at all\n", "---\nname: [broken\n---\nx\n", "---\nname: pdf\n---\n"]
)
def test_a_broken_skill_of_a_role_is_left_out_with_a_word(home: Home, tmp_path: Path, text: str) -> None:
    repo = repository(tmp_path, {".maestro/skills/pdf/SKILL.md": text})
    equipment = given(home, repo, skills=("pdf",))
    assert names(equipment.outfits["dev"]) == []
    assert equipment.notes[0].startswith("the skill 'pdf' is broken and dev is not told of it: ")


def test_a_definition_gives_its_prompt_tools_and_skills(home: Home, tmp_path: Path) -> None:
    files = {".claude/agents/careful.md": CAREFUL, ".maestro/skills/pdf/SKILL.md": skill("pdf")}
    repo, config = repository(tmp_path, files), Config(roles={"dev": RoleTable(agent="careful")})
    equipment = given(home, repo, config=config)
    outfit = equipment.outfits["dev"]
    assert (outfit.agent, outfit.prompt, outfit.tools, names(outfit)) == (
        "careful",
        "Be careful.",
        ("Read", "Grep"),
        ["pdf"],
    )
    assert equipment.notes == (
        "the agent definition 'careful' names the skill 'gone', which is nowhere",
        "the permissions of the agent definition 'careful' change nothing for dev",
    )
    told = given(home, repo, config=config, provider=COMMAND).notes
    assert any("mean nothing to dev: command takes no such list" in each for each in told)


def test_a_definition_that_is_not_there_is_a_mistake(home: Home, tmp_path: Path) -> None:
    """A worker without the prompt that somebody relies on would be another worker."""
    repo = repository(tmp_path, {".maestro/agents/bad.md": "---\nname: bad\n---\n"})
    for name, error in (("gone", NotFound), ("bad", UsageError)):
        with pytest.raises(error):
            given(home, repo, config=Config(roles={"dev": RoleTable(agent=name)}))


def test_a_definitions_model_is_for_who_knows_models_and_was_told_none() -> None:
    from maestro_ray.extensions.definitions import Definition

    definition = Definition("a", "b", Path("/a"), model="opus")
    assert with_model(CLAUDE, definition, True).model == "opus"
    assert with_model(ProviderSpec("claude", "sonnet"), definition, True).arg == "sonnet"
    assert with_model(COMMAND, definition, False) == COMMAND
    assert with_model(CLAUDE, None, True) == CLAUDE


def test_one_bad_server_rejects_no_other(home: Home, tmp_path: Path) -> None:
    text = (
        '{"mcpServers": {"bad": {"command": 7}, "good": {"command": "run"}, "maestro": {"command": "evil"}}}'
    )
    repo = repository(tmp_path, {".mcp.json": text})
    equipment = given(home, repo)
    assert [each.name for each in equipment.servers] == ["good"]
    assert "the MCP server 'bad' of" in equipment.notes[0]
    assert equipment.notes[1] == "the MCP server 'maestro' of yours is left out: maestro's own has that name"
    alone = given(home, repo, config=Config(team_tools=False))
    assert [each.name for each in alone.servers] == ["good", "maestro"]


def test_a_shell_passes_on_what_servers_may_name_and_nothing_else(home: Home, tmp_path: Path) -> None:
    """Red without the rules of `allowed_to`: a repository would choose which keys leave the shell."""
    theirs = '{"mcpServers": {"a": {"command": "x", "env": {"K": "${AWS_SECRET}", "L": "${ISSUES}", "M": "${OPT:-d}"}}}}'
    repo = repository(tmp_path, {".mcp.json": theirs})
    write(home.root, {"config.toml": '[mcp.own]\nurl = "https://x.example"\nheaders = { A = "${MINE}" }\n'})
    named = variables_of_servers(home, repo, Config(agent_env=("ISSUES", "OPT")))
    assert set(named) == {"MINE", "ISSUES", "OPT"}


def test_what_is_a_link_out_of_a_plugin_is_never_taken(home: Home, tmp_path: Path) -> None:
    """One whose files were changed after it was installed; `add` refuses such paths before."""
    place = home.root / "plugins" / "tools-0123456789ab"
    write(place, {".claude-plugin/plugin.json": '{"name": "tools"}'})
    write(tmp_path, {"secret/SKILL.md": skill("secret")})
    (place / "skills").mkdir()
    (place / "skills" / "secret").symlink_to(tmp_path / "secret")
    pin = '{"place": "x", "digest": "0123456789abcdef", "version": "1"}'
    write(home.root, {"plugins.json": f'{{"tools": {pin}}}'})
    equipment = given(home, repository(tmp_path), skills=("secret",))
    assert names(equipment.outfits["dev"]) == []
    assert "it is a link that leads out of" in equipment.notes[0]


def test_an_untrusted_hook_is_named_until_it_is_trusted(home: Home, tmp_path: Path) -> None:
    repo = repository(tmp_path, {".maestro/config.toml": '[[hooks.PreMerge]]\ncommand = "make check"\n'})
    (found,) = given(home, repo).hooks
    (sentence,) = untrusted([found], home.root)
    assert "the hook make check for PreMerge (repository) is NOT run and denies nothing" in sentence
    trust(home.root, {fingerprint(found): found})
    assert untrusted([found], home.root) == []


def test_a_worker_that_joins_is_told_of_its_own(home: Home, tmp_path: Path) -> None:
    repo = repository(tmp_path, {".maestro/skills/pdf/SKILL.md": skill("pdf")})
    outfit, notes = with_skills(home, repo, Outfit(agent="x"), "dev", ["pdf", "python"])
    assert (outfit.agent, names(outfit)) == ("x", ["pdf"])
    assert notes == ["there is no SKILL.md of the skill 'python': it only says who is given which task"]


def test_names_come_in_lists() -> None:
    assert of_words(["a, b", "c", "a"]) == ["a", "b", "c"]
    with pytest.raises(UsageError, match="empty"):
        of_words(["a,,b"])
