"""A request for a team: each bad one is its own error, before anything is made."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.actors.request import Asked, TeamRequest, check, check_name, warnings
from maestro_ray.agent import cgroup, sandbox
from maestro_ray.config import Config, SandboxTable
from maestro_ray.errors import (
    BadProvider,
    BareRepository,
    ConfigError,
    EmptyRepository,
    MaestroError,
    NoAgentFound,
    NotARepository,
    NotFound,
    NoWorkers,
    PlanFileError,
    ProviderMissing,
    UnknownRole,
    UsageError,
)
from maestro_ray.home import Home
from maestro_ray.limits_table import LimitsTable

PLAN: dict[str, Any] = {"title": "A plan", "tasks": [{"title": "Do it"}]}


@pytest.fixture
def asked(sample: Sample) -> Asked:
    """A good request."""
    return Asked(
        repo=str(sample.path),
        roles={"dev": 2, "review": 1},
        providers={"dev": "command:true", "review": "command:true"},
        plan=PLAN,
        env={"PATH": os.environ["PATH"]},
    )


UNBOXED = Config(sandbox=SandboxTable("off"))


def configure(home: Home, text: str) -> None:
    (home.root / "config.toml").write_text(text)


def test_a_good_one_says_who_will_be_there(asked: Asked, home: Home, sample: Sample) -> None:
    request: TeamRequest = check(asked, home)
    assert [worker["name"] for worker in request.workers] == ["dev-1", "dev-2", "review-1"]
    assert (request.base, request.bot, warnings(request, UNBOXED, home.root)) == ("main", "maestro", [])
    assert request.draft is not None
    assert request.draft.title == "A plan"
    assert request.key.startswith("local:")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"providers": {"dev": "command:true"}}, NoAgentFound, "no coding agent was found"),
        ({"providers": {"dev": "nonsense", "review": "command:true"}}, BadProvider, "unknown provider"),
        ({"providers": {"chef": "command:true"}}, UnknownRole, "chef"),
        ({"roles": {"dev": 1, "chef": 1}}, UnknownRole, "chef"),
        ({"roles": {"lead": 1}}, UnknownRole, "lead"),
        ({"roles": {}}, NoWorkers, "at least one"),
        ({"roles": {"dev": 0}}, NoWorkers, "at least one"),
        ({"roles": {"dev": -1, "review": 1}}, UsageError, "negative"),
        ({"roles": {"dev": 1}}, UsageError, "reviewer"),
        ({"roles": {"dev": 600, "review": 401}}, UsageError, "at most 256"),
        ({"roles": {"dev": 99_999_999_999}}, UsageError, "at most 256"),
        ({"plan": {"title": "P", "tasks": [{"title": "t", "role": "lead"}]}}, UsageError, "for the lead, who takes"),
        ({"plan": {"title": "P", "tasks": [{"title": "t", "role": "chef"}]}}, UsageError, "role 'chef'"),
        ({"plan": {"title": "P", "tasks": []}}, PlanFileError, "no tasks"),
        ({"plan": {"title": "P", "tasks": [{"title": "t", "skill": "cobol"}]}}, UsageError, "skill 'cobol'"),
        ({"providers": {"dev": "command:no-such-program-here x", "review": "command:true"}}, ProviderMissing, "no-such-program-here"),
        ({"env": {}}, ProviderMissing, "true"),
        ({"env": {"PATH": "/nowhere"}}, ProviderMissing, "true"),
        ({"base": "nowhere"}, NotFound, "nowhere"),
        ({"plan": {**PLAN, "base": "gone"}}, NotFound, "gone"),
        ({"name": "../../etc"}, UsageError, "cannot be the name"),
        ({"name": "lead"}, UsageError, "cannot be the name"),
        ({"name": "two\nlines"}, UsageError, "cannot be the name"),
        ({"roles": {"dev": "2"}}, UsageError, "roles must map"),
        ({"roles": {"dev": True}}, UsageError, "roles must map"),
        ({"roles": ["dev"]}, UsageError, "roles must map"),
        ({"providers": {"dev": 1}}, UsageError, "providers must map"),
        ({"env": {"PATH": None}}, UsageError, "env must map"),
        ({"repo": 7}, UsageError, "repo must be"),
        ({"base": None}, UsageError, "base must be"),
        ({"alone": "yes"}, UsageError, "alone"),
        ({"plan": ["x"]}, PlanFileError, ""),
    ],
)  # fmt: skip
def test_each_bad_one_is_its_error(
    asked: Asked, home: Home, changes: dict[str, Any], error: type[MaestroError], words: str
) -> None:
    with pytest.raises(error) as caught:
        check(replace(asked, **changes), home)
    assert words in str(caught.value)


def test_a_tester_needs_a_command(asked: Asked, home: Home) -> None:
    roles = {**asked.roles, "test": 1}
    with pytest.raises(UsageError, match="names one"):
        check(replace(asked, roles=roles), home)
    with pytest.raises(UsageError, match="names one"):
        check(
            replace(asked, roles=roles, providers={**asked.providers, "test": "command:sh -c {test}"}), home
        )
    request = check(replace(asked, roles=roles, plan={**PLAN, "test": "true"}), home)
    assert request.providers["test"].kind == "command"
    check(replace(asked, roles=roles, providers={**asked.providers, "test": "command:true"}), home)


def test_a_place_that_is_no_repository(asked: Asked, home: Home, tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    for place in ("plain", "missing"):
        with pytest.raises(NotARepository):
            check(replace(asked, repo=str(tmp_path / place)), home)


def test_a_bare_and_an_empty_repository(asked: Asked, home: Home, sample: Sample, tmp_path: Path) -> None:
    sample.git("clone", "-q", "--bare", str(sample.path), str(tmp_path / "bare"))
    with pytest.raises(BareRepository):
        check(replace(asked, repo=str(tmp_path / "bare")), home)
    sample.git("init", "-q", str(tmp_path / "empty"))
    with pytest.raises(EmptyRepository):
        check(replace(asked, repo=str(tmp_path / "empty")), home)


def test_a_detached_head_needs_a_base(asked: Asked, home: Home, sample: Sample) -> None:
    sample.git("checkout", "-q", "--detach")
    with pytest.raises(UsageError) as caught:
        check(asked, home)
    assert "--base" in caught.value.hint
    assert check(replace(asked, base="main"), home).base == "main"


def test_a_dirty_tree_only_warns(asked: Asked, home: Home, sample: Sample) -> None:
    sample.write("a.txt", "edited\n")
    sample.write("untracked", "x")
    (warning,) = warnings(check(asked, home), UNBOXED, home.root)
    assert warning.startswith("2 uncommitted files")


@pytest.mark.parametrize(
    ("layer", "says"),
    [("bubblewrap", []), ("landlock", ["with landlock it cannot be closed"]), ("", ["without a sandbox"])],
)
def test_a_role_that_keeps_its_network_is_named(
    layer: str, says: list[str], asked: Asked, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red without the look at `offline` in `_of_the_sandbox`."""
    monkeypatch.setattr(
        sandbox, "tried", lambda name: sandbox.Layer(name, works=name == layer, why="it is missing")
    )
    config = Config(sandbox=SandboxTable(offline=("dev", "test")))
    told = [each for each in warnings(check(asked, home), config, home.root) if "offline" in each]
    assert len(told) == len(says)
    for line, word in zip(told, says, strict=True):
        assert word in line
        assert "dev can reach the network" in line  # there is no `test` in this team


def test_a_limit_that_nothing_keeps_is_named(
    asked: Asked, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red without the line about `not_kept` in `warnings`."""
    monkeypatch.setattr(cgroup, "place", lambda _wanted: ("", frozenset()))
    config = Config(sandbox=SandboxTable("off"), limits=LimitsTable(memory=1 << 30, cpu=5))
    (told,) = warnings(check(asked, home), config, home.root)
    assert told.startswith("[agents.limits] memory: no cgroup with the memory controller")


def test_a_subdirectory_is_its_repository(asked: Asked, home: Home, sample: Sample) -> None:
    sample.commit("deep", **{"a/b/c.txt": "x"})
    assert check(replace(asked, repo=str(sample.path / "a" / "b")), home).repo.root == sample.path


def test_roles_of_the_configuration(asked: Asked, home: Home) -> None:
    configure(home, '[roles.docs]\nprovider = "command:true"\nskills = ["python:4", "prose"]\n')
    plan = {"title": "P", "tasks": [{"title": "t", "role": "docs", "skill": "python", "proficiency": 4}]}
    request = check(replace(asked, roles={"docs": 1, "review": 1}, plan=plan), home)
    assert request.workers[0] == {
        "name": "docs-1", "role": "docs", "skills": {"python": 4, "prose": 3}, "pool": "",
    }  # fmt: skip
    plan["tasks"][0]["proficiency"] = 5
    with pytest.raises(UsageError, match="level 5"):
        check(replace(asked, roles={"docs": 1, "review": 1}, plan=plan), home)


def test_mistakes_in_the_configuration(asked: Asked, home: Home) -> None:
    configure(home, '[roles.docs]\nprovider = "command:true"\nskills = ["python:99"]\n')
    with pytest.raises(UsageError, match="proficiency"):
        check(replace(asked, roles={"docs": 1, "review": 1}), home)
    configure(home, "[roles.lead]\nskills = []\n")
    with pytest.raises(ConfigError):
        check(replace(asked, roles={"lead": 1, "review": 1}), home)
    configure(home, "[teem]\n")
    with pytest.raises(ConfigError):
        check(asked, home)


def test_alone_a_lead_may_wait_for_others(asked: Asked, home: Home) -> None:
    assert check(replace(asked, roles={}, providers={}, plan=None, alone=True), home).workers == []


@pytest.mark.parametrize("name", ["dev-1", "Ada", "a.b_c-d", "x" * 40, "leader"])
def test_good_names(name: str) -> None:
    assert check_name(name, "a worker") == name


@pytest.mark.parametrize(
    "name", ["", ".", "-x", "a/b", "a b", "x" * 41, "ünï", "lead", "channel", "lead-merge", "a\0"]
)
def test_bad_names(name: str) -> None:
    with pytest.raises(UsageError):
        check_name(name, "a worker")


def test_a_branch_without_commits_beside_one_that_has_some(asked: Asked, home: Home, sample: Sample) -> None:
    sample.git("checkout", "-q", "--orphan", "fresh")
    with pytest.raises(NotFound, match="fresh"):
        check(asked, home)
    assert check(replace(asked, base="main"), home).base == "main"


def test_a_base_has_its_short_name(asked: Asked, home: Home) -> None:
    assert check(replace(asked, base="refs/heads/main"), home).base == "main"
    assert check(replace(asked, plan={**PLAN, "base": "refs/heads/main"}), home).base == "main"


def test_a_path_that_is_not_utf8(asked: Asked, home: Home, sample: Sample, tmp_path: Path) -> None:
    place = tmp_path / os.fsdecode(b"caf\xe9")
    sample.git("clone", "-q", str(sample.path), str(place))
    with pytest.raises(UsageError, match="is not UTF-8"):
        check(replace(asked, repo=str(place)), home)


def test_the_flags_come_before_the_files_and_the_person_before_the_repository(
    home: Home, asked: Asked
) -> None:
    configure(home, "[budget]\nteam_usd = 5\nday_usd = 20\n")
    assert check(asked, home).budget.to_json() == {"team_usd": 5.0, "day_usd": 20.0}
    found = check(replace(asked, budget={"team_usd": 50}), home).budget
    assert found.to_json() == {"team_usd": 50.0, "day_usd": 20.0}


@pytest.mark.parametrize("budget", [5, {"team_usd": 0}, {"moon": 1}, {"team_tokens": "x"}])
def test_a_budget_that_is_none_is_refused(home: Home, asked: Asked, budget: Any) -> None:
    with pytest.raises(UsageError):
        check(replace(asked, budget=budget), home)


def test_a_mistake_in_the_persons_prices_is_told_before_anything_starts(home: Home, asked: Asked) -> None:
    (home.root / "prices.toml").write_text("models = 5\n")
    with pytest.raises(ConfigError, match=r"prices\.toml:1"):
        check(asked, home)
