from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from maestro_ray.agent.environment import allowed
from maestro_ray.agent.errand import run_errand
from maestro_ray.errors import AgentFailed
from maestro_ray.extensions.found import Found, Origin
from maestro_ray.extensions.hook_run import LONGEST_REASON, Ruling, run_hooks
from maestro_ray.extensions.hooks import Hook, find_hooks
from maestro_ray.extensions.trust import trusted
from maestro_ray.ports import Ended

from .trees import around, repository, trust_now, write

OWN = Origin("user")


def hook(
    *argv: str, event: str = "PreMerge", origin: Origin = OWN, timeout: float = 30, **fields: str
) -> Found[Hook]:
    return Found(event, origin, Path("config.toml"), Hook(event, argv, Path("/r"), timeout, **fields))


class Programs:
    """Programs by name that end as they are told to, and what they were given."""

    def __init__(self, **ends: Ended) -> None:
        self.ends, self.given = ends, []  # type: ignore[var-annotated]

    async def __call__(
        self, argv: Sequence[str], *, stdin: bytes, cwd: Path, env: Mapping[str, str], timeout: float
    ) -> Ended:
        self.given.append((argv[0], json.loads(stdin), dict(env), timeout))
        if argv[0] not in self.ends:
            raise AgentFailed(f"{argv[0]} is not there")
        return self.ends[argv[0]]


async def rule(programs: Programs, *hooks: Found[Hook], event: str = "PreMerge", **said: object) -> Ruling:
    return await run_hooks(hooks, event, said, run=programs, known=(), cwd=Path("/w"), env={"A": "1"})


async def test_each_gets_the_event_as_json_and_only_its_environment() -> None:
    programs = Programs(a=Ended(0, "out", "err"))
    ruling = await rule(programs, hook("a"), hook("a", event="RunEnd"), task="7")
    assert programs.given == [
        (
            "a",
            {"hook_event_name": "PreMerge", "cwd": "/w", "task": "7"},
            {"A": "1", "MAESTRO_HOOK_EVENT": "PreMerge", "CLAUDE_PROJECT_DIR": "/w"},
            30,
        )
    ]
    assert [(each.status, each.stdout, each.stderr) for each in ruling.outcomes] == [("passed", "out", "err")]
    assert ruling.denied == ""
    assert ruling.reports == []


async def test_exit_2_denies_with_what_it_says_and_ends_it() -> None:
    programs = Programs(a=Ended(2, "", "not \x1b[31mnow\npassword=hunter22secret\n"), b=Ended(0))
    ruling = await rule(programs, hook("a"), hook("b"))
    assert ruling.denied == "not [31mnow password=***"
    assert [name for name, *_ in programs.given] == ["a"]
    assert (
        await rule(Programs(a=Ended(2)), hook("a", "b c"))
    ).denied == "the hook a 'b c' says no, and not why"
    assert len((await rule(Programs(a=Ended(2, "", "no " * 9999)), hook("a"))).denied) <= LONGEST_REASON


@pytest.mark.parametrize(
    ("ended", "report"),
    [
        (Ended(1, "", "oh no"), "a: it ended with exit code 1: oh no"),
        (Ended(None), "a: it was ended by a signal"),
        (Ended(None, late=True), "a: it was stopped after 30 seconds"),
        (Ended(2, late=True), "a: it was stopped after 30 seconds"),
    ],
)
async def test_whatever_else_goes_wrong_is_reported_and_denies_nothing(ended: Ended, report: str) -> None:
    ruling = await rule(Programs(a=ended, b=Ended(0)), hook("a"), hook("b"))
    assert ruling.denied == ""
    assert ruling.reports == [report]
    assert [each.status for each in ruling.outcomes][1:] == ["passed"]


async def test_a_program_that_is_missing_is_reported() -> None:
    assert (await rule(Programs(), hook("a"))).reports == ["a: a is not there"]


async def test_what_has_happened_cannot_be_denied() -> None:
    ruling = await rule(Programs(a=Ended(2, "", "no")), hook("a", event="PostToolUse"), event="PostToolUse")
    assert (ruling.denied, ruling.reports) == ("", ["a: it ended with exit code 2: no"])


async def test_a_hook_of_others_that_nobody_trusted_is_not_run(tmp_path: Path) -> None:
    programs = Programs(a=Ended(0))
    ruling = await rule(programs, hook("a", origin=Origin("repository", tmp_path)))
    assert programs.given == []
    assert ruling.reports == ["a: nobody has trusted it: see it with `maestro hooks list`"]


async def test_a_relative_path_leads_to_the_file_that_was_trusted(tmp_path: Path) -> None:
    """Wherever the event is: without it another file of that name would run, which nobody has looked at."""
    repo = repository(tmp_path, {".maestro/config.toml": '[[hooks.PreMerge]]\ncommand = ["./check"]\n'})
    for name, code in (("check", 0), ("sub/check", 2)):
        write(repo, {name: f"#!/bin/sh\nexit {code}\n"})
        (repo / name).chmod(0o755)
    found = find_hooks(around(tmp_path, "sub"))
    trust_now(tmp_path / "home", *found)
    ruling = await run_hooks(
        found,
        "PreMerge",
        {},
        run=run_errand,
        known=trusted(tmp_path / "home"),
        cwd=repo / "sub",
        env={"PATH": os.environ["PATH"]},
    )
    assert [each.status for each in ruling.outcomes] == ["passed"]


async def test_a_broken_entry_is_passed_over() -> None:
    assert (await rule(Programs(), Found("PreMerge", OWN, Path("x"), problem="bad"))).outcomes == ()


async def test_a_real_hook_that_hangs_and_one_that_prints_ten_megabytes(tmp_path: Path) -> None:
    flood = hook(
        "sh",
        "-c",
        "head -c 10000000 /dev/zero | tr '\\0' x; head -c 10000000 /dev/zero | tr '\\0' y >&2; exit 2",
    )
    hang = hook("sh", "-c", "trap '' TERM; sleep 60 & sleep 60", timeout=1)
    ruling = await run_hooks(
        [hang, flood], "PreMerge", {}, run=run_errand, known=(), cwd=tmp_path, env=allowed(os.environ)
    )
    assert [each.status for each in ruling.outcomes] == ["timed-out", "denied"]
    hung, flooded = ruling.reports
    assert hung == "trap '' TERM; sleep 60 & sleep 60: it was stopped after 1 seconds"
    assert flooded.endswith("it printed more than is kept, and the middle of that is lost")
    assert set(ruling.denied) == {"y"}
    assert len(ruling.outcomes[1].stdout) < 70_000


async def test_the_matcher_of_an_untrusted_hook_is_not_tried() -> None:
    """This one would take hours; it hangs when matchers are tried before trust."""
    theirs = hook("a", event="Notification", origin=Origin("repository", Path("/r")), matcher="(a|aa)+$")
    ruling = await rule(Programs(), theirs, event="Notification", kind="a" * 80 + "!")
    assert [each.status for each in ruling.outcomes] == ["untrusted"]
