"""An agent that prints its environment: the keys it was given are in nothing that anybody keeps, reads or is shown."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.home import Home
from maestro_ray.redaction import HIDDEN
from maestro_ray.testing import LocalMaestro

from .parts import ENV
from .stage import begin, end, nothing_left, plan

KEY = "k3y-that-is-for-agents-only"
PASSWORD = 'p4ss "word" with 2 marks'

# every agent shows what it has: in lines, in pieces of a line, in what maestro reads, in its prompt
SHOW = 'env; printf "%s" "$SOME_API_KEY" | cut -c1-9 | tr -d "\\n"; sleep 0.3; printf "%s" "$SOME_API_KEY" | cut -c10-; '
COPY = 'cat "$MAESTRO_PROMPT_FILE" >> {copies}/prompts; cat {evidence} >> {copies}/evidence; '
DEV = (
    'if [ "$MAESTRO_ATTEMPT" = 1 ]; then echo "cannot use $SOME_API_KEY"; exit 1; fi; '
    'echo "MAESTRO:SUBTASK {{\\"title\\": \\"rotate $SOME_API_KEY\\", \\"colour\\": 1}}"; '
    'date +%N > "$MAESTRO_KEY.txt"; echo "done with $SOME_API_KEY"'
)
REVIEW = (
    'if [ "$MAESTRO_REVISION" = 0 ]; then echo "VERDICT: REJECTED - it shows $SOME_API_KEY and $DB_PASSWORD"; '
    "else echo VERDICT: APPROVED; fi"
)


def told(home: Home, copies: Path) -> None:
    """The providers of this machine: each agent is given both secrets."""
    tables = []
    for role, script in (("dev", DEV), ("review", REVIEW), ("test", "echo 3 passed")):
        whole = (
            SHOW
            + COPY.format(copies=copies, evidence='"$MAESTRO_EVIDENCE" 2>/dev/null')
            + script.replace("{{", "{").replace("}}", "}")
        )
        path = copies / f"{role}.sh"
        path.write_text(whole)
        tables.append(
            f'[providers.leaky-{role}]\nkind = "command"\nargv = ["sh", "{path}"]\n'
            'env = ["SOME_API_KEY", "DB_PASSWORD"]\n'
        )
    (home.root / "config.toml").write_text("".join(tables))


async def test_the_keys_of_an_agent_are_nowhere_but_in_its_environment(
    home: Home, sample: Sample, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Without `Secrets.of(part.team.env)` in `Worker` and `Workbench` they are in every place looked at here."""
    caplog.set_level(logging.DEBUG, "maestro_ray")
    copies = tmp_path / "copies"
    copies.mkdir()
    told(home, copies)
    events: list[Any] = []
    async with LocalMaestro(home) as maestro:
        await begin(
            maestro,
            sample,
            roles={"dev": 1, "review": 1, "test": 1},
            providers={role: f"leaky-{role}" for role in ("dev", "review", "test")},
            plan=plan("one", test="true"),
            env={**ENV, "SOME_API_KEY": KEY, "DB_PASSWORD": PASSWORD},
        )
        result = await end(maestro)
        events += [event async for event in maestro.events()]
    nothing_left(home, sample)
    assert {each["verdict"] for each in result["verdicts"]} == {"REJECTED", "APPROVED"}

    said = "".join(event["text"] for event in events if event["kind"] == "text")
    assert f"SOME_API_KEY={HIDDEN}" in said, "the agents did print it"
    prompts = (copies / "prompts").read_text()
    assert f"it shows {HIDDEN} and {HIDDEN}" in prompts, "what the reviewer said reached the developer"
    places = {
        "the channel and the result": repr((events, result)),
        "prompts": prompts,
        "evidence": (copies / "evidence").read_text(),
        "logs": caplog.text,
        "commits": sample.git("log", "--all", "--format=%B%an%ae", "-p"),
        **{str(path.relative_to(home.root)): path.read_bytes().decode("latin-1")
           for path in home.root.rglob("*") if path.is_file()},
    }  # fmt: skip
    assert any("studio" in name for name in places)
    assert any("journal" in name for name in places)
    for name, text in places.items():
        for part in (KEY, KEY[9:], 'p4ss "word"', 'p4ss \\"word'):
            assert part not in text, f"{part} is in {name}"


async def test_what_the_test_of_a_release_prints_holds_no_secret(home: Home, sample: Sample) -> None:
    """It has the shell's own proxy, password and all. Without `without` in `Lead` the reason is kept with it."""
    env = {**ENV, "http_proxy": "http://me:Zq7-of-the-proxy@127.0.0.1:1"}
    async with LocalMaestro(home) as maestro:
        await begin(maestro, sample, plan=plan("one", test="env | grep _proxy; exit 1"), env=env)
        ended = await maestro.until("run.ended", action="fail")
        assert "http://***@127.0.0.1" in str(ended)
    kept = b"".join(path.read_bytes() for path in home.root.rglob("*") if path.is_file())
    assert b"Zq7-of-the-proxy" not in kept
