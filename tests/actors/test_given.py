"""What a team is given, in whole runs: skills in the prompt and in the box, and what is broken in nobody's way."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from extensions.trees import skill, write
from workspace.sample import Sample

from maestro_ray.agent import sandbox
from maestro_ray.config import Config, SandboxTable
from maestro_ray.errors import NotFound
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .parts import ENV
from .stage import APPROVE, begin, end, nothing_left, waiting_for

# the agent's own words are the prompt, or the files that the prompt names
TELL_PROMPT = "command:sh -c 'cat \"$MAESTRO_PROMPT_FILE\" > one.txt'"
READ_SKILLS = (
    'command:sh -c \'sed -n "s/.*(\\(.*SKILL.md\\))$/\\1/p" "$MAESTRO_PROMPT_FILE" | xargs cat > one.txt\''
)


@pytest.fixture
async def maestro(home: Home) -> AsyncIterator[LocalMaestro]:
    async with LocalMaestro(home) as maestro:
        yield maestro


@pytest.fixture
async def boxed(home: Home) -> AsyncIterator[LocalMaestro]:
    config = Config(ping=0.05, lease=1.0, stop_grace=0.3, pool=4, sandbox=SandboxTable("auto"))
    async with LocalMaestro(home, config=config) as maestro:
        yield maestro


async def test_a_prompt_has_the_definition_and_names_the_skills(
    maestro: LocalMaestro, sample: Sample
) -> None:
    """Red when `build_prompt` is not given them, or the outfit does not reach the worker."""
    sample.commit(
        "extensions",
        **{
            ".maestro/config.toml": '[roles.dev]\nagent = "careful"\nskills = ["pdf:4"]\n',
            ".maestro/agents/careful.md": "---\nname: careful\ndescription: d\n---\nTake care.\nVERDICT: APPROVED\n",
            ".maestro/skills/pdf/SKILL.md": skill("pdf", "Reads PDFs."),
            ".claude/skills/notes/SKILL.md": skill("notes", "Writes notes."),
        },
    )
    await begin(maestro, sample, providers={"dev": TELL_PROMPT, "review": APPROVE}, skills=["notes"])
    assert (await end(maestro))["status"] == "completed"
    prompt = sample.git("show", "main:one.txt")
    assert "## Your part in it\nTake care.\n> VERDICT: APPROVED\n" in prompt
    assert "- pdf: Reads PDFs. (/" in prompt
    assert "- notes: Writes notes. (/" in prompt
    assert "How to do it." not in prompt


async def test_skills_can_be_read_in_the_box(boxed: LocalMaestro, home: Home, sample: Sample) -> None:
    """Those of the worktree and those in the hidden state directory. Red when `confined` is not told of the places."""
    if not sandbox.layer("auto"):
        pytest.skip(sandbox.missing())
    write(
        home.root, {"skills/mine/SKILL.md": skill("mine"), "skills/other/SKILL.md": skill("other", "Secret.")}
    )
    sample.commit("skills", **{".maestro/skills/pdf/SKILL.md": skill("pdf")})
    await begin(boxed, sample, providers={"dev": READ_SKILLS, "review": APPROVE}, skills=["mine", "pdf"])
    assert (await end(boxed))["status"] == "completed"
    assert sample.git("show", "main:one.txt").count("How to do it.") == 2


async def test_a_skill_that_is_nowhere_is_no_team(maestro: LocalMaestro, home: Home, sample: Sample) -> None:
    with pytest.raises(NotFound, match="pfd"):
        await begin(maestro, sample, skills=["pfd"])
    nothing_left(home, sample)


async def test_what_is_broken_is_told_and_the_team_goes_on(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    """Each with a sentence at the start and whenever one looks: red when `warnings` leaves the notes out."""
    servers = {"mcpServers": {"good": {"command": "true"}, "bad": {"command": ["no", "text"]}}}
    sample.commit(
        "broken",
        **{
            ".maestro/config.toml": '[roles.dev]\nskills = ["headless", "crooked"]\n[[hooks.NoSuch]]\ncommand = "x"\n',
            ".maestro/skills/headless/SKILL.md": "No head at all.\n",
            ".maestro/skills/crooked/SKILL.md": "---\nname: [crooked\n---\n",
            ".mcp.json": json.dumps(servers),
        },
    )
    plugin = home.root / "plugins" / "tools-0123456789ab"
    write(plugin, {".claude-plugin/plugin.json": '{"name": "tools"}', ".mcp.json": "{"})
    (plugin / "hooks").mkdir()
    (plugin / "hooks" / "hooks.json").symlink_to("/etc/passwd")
    write(home.root, {"plugins.json": '{"tools": {"place": "x", "digest": "0123456789abcdef"}}'})
    answer = await begin(maestro, sample)
    warnings = "\n".join(answer["warnings"])
    for words in (
        "the skill 'headless' is broken",
        "the skill 'crooked' is broken",
        f"the MCP server 'bad' of {sample.path}/.mcp.json is broken and left out",
        f"the MCP server '.mcp.json' of {plugin}/.mcp.json is broken and left out",
        "the hook 'NoSuch' of",
        f"the hook 'hooks.json' of {plugin}/hooks/hooks.json is broken and left out: it is a link that leads out",
    ):
        assert words in warnings
    assert "'good'" not in warnings
    assert "root:" not in warnings
    assert (await end(maestro))["status"] == "completed"
    nothing_left(home, sample)


async def test_a_worker_that_comes_later_has_its_own_skills(
    maestro: LocalMaestro, sample: Sample, tmp_path: Path
) -> None:
    """And another life of Connections has the same for it: red when the record does not keep the equipment."""
    sample.commit("skills", **{".maestro/skills/pdf/SKILL.md": skill("pdf", "Reads PDFs.")})
    providers = {"dev": waiting_for(gate := tmp_path / "gate"), "review": APPROVE}
    await begin(maestro, sample, providers=providers)
    joined = await maestro.call(
        "team.join",
        repo=str(sample.path),
        role="dev",
        providers={"dev": "command:true"},
        skills=["pdf", "x:2"],
    )
    assert joined["warnings"] == [
        "there is no SKILL.md of the skill 'x': it only says who is given which task"
    ]
    await maestro.kill_connections()
    (team,) = maestro.connections.teams.values()
    outfits = team.record.equipment.outfits
    assert [each.name for each in outfits[joined["worker"]["name"]].skills] == ["pdf"]
    assert outfits["dev"].skills == ()
    gate.touch()
    await end(maestro)


async def test_no_value_of_a_variable_is_written_down(
    maestro: LocalMaestro, home: Home, sample: Sample
) -> None:
    """The record of a team has the server as it was written: red when it were kept filled in."""
    write(home.root, {"config.toml": '[mcp.issues]\ncommand = "true"\nenv = { TOKEN = "${ISSUES_TOKEN}" }\n'})
    secret = "tok-0123456789abcdef"
    await begin(maestro, sample, env={**ENV, "ISSUES_TOKEN": secret})
    await end(maestro)
    with sqlite3.connect(f"file:{home.connections_journal}?mode=ro", uri=True) as journal:
        text = "\n".join(str(row) for row in journal.execute("select * from entries"))
    journal.close()
    assert "ISSUES_TOKEN" in text
    assert secret not in text
