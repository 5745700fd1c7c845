from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from maestro_ray.actors import raising
from maestro_ray.actors.happenings import KEPT
from maestro_ray.actors.purse import EVERY
from maestro_ray.actors.service import Service
from maestro_ray.budget_table import TOKENS_RULE, USD_RULE, BudgetTable
from maestro_ray.config import (
    KEYS,
    Config,
    IdentityTable,
    ProviderTable,
    RoleTable,
    SandboxTable,
)
from maestro_ray.extensions.definitions import _HEAD
from maestro_ray.extensions.definitions import KEYS as DEFINITION_KEYS
from maestro_ray.extensions.events import AFTERWARDS, EVENTS
from maestro_ray.extensions.hooks import TIMEOUT, find_hooks
from maestro_ray.extensions.mcp import KEYS as SERVER_KEYS
from maestro_ray.extensions.mcp import PLAIN, find_servers
from maestro_ray.extensions.places import Surroundings
from maestro_ray.extensions.tree import MOST_BYTES, MOST_FILES
from maestro_ray.home import Home
from maestro_ray.limits_table import LimitsTable
from maestro_ray.listen_table import ListenTable
from maestro_ray.model import channels
from maestro_ray.model.agent import Failed
from maestro_ray.model.budget import Amount, Cap, burn
from maestro_ray.model.dispatch import CLAIM_SECONDS, IN_FLIGHT_CAP, OFFERS_CAP, PATIENCE
from maestro_ray.model.plan_file import _TASK_KEYS, PlanDraft, TaskDraft, parse_plan
from maestro_ray.model.raised import QUESTION, REPORTED
from maestro_ray.model.run import LEAD_PURPOSES, Purpose
from maestro_ray.model.subtask import DEPTH, PER_TASK
from maestro_ray.model.verdict import Judgement, read_verdict
from maestro_ray.prices import Prices
from maestro_ray.protocol.server import ServerLimits
from maestro_ray.providers import script, template
from maestro_ray.providers.script import parse_script
from maestro_ray.studio import inbox
from maestro_ray.studio.analysis import ATTEMPTS, ITEMS
from maestro_ray.studio.api.decode import LARGEST_BODY
from maestro_ray.studio.api.problem import STATUS
from maestro_ray.studio.api.table import routes
from maestro_ray.studio.budget import FINISH, RAISE, STOP
from maestro_ray.studio.loop import APPROVE, REJECT
from maestro_ray.studio.metrics import Metrics, Wire, Work, _Families
from maestro_ray.studio.neighbours import LEASE
from maestro_ray.studio.reports import LONGEST_PAUSE
from maestro_ray.studio.socket import LARGEST_BACKLOG, LARGEST_MESSAGE, LONGEST_SEND, UNREAD_ANSWERS

from .generate import commands, help_of, wanted
from .markdown import DOCS, ROOT, Block, blocks, code, pages, rows, section

REFERENCE = DOCS / "reference"
SOURCES = ROOT / "maestro_ray"


def table(page: str, heading: str) -> dict[str, list[str]]:
    """The rows of a table by their first word in backticks."""
    return {code(cells[0]): cells for cells in rows(section(REFERENCE / page, heading))}


def test_what_the_code_knows_best_is_current() -> None:
    for page, text in wanted().items():
        assert page.read_text(encoding="utf-8") == text, f"{page.name} is old: python -m tests.docs.generate"


@pytest.mark.parametrize(
    "words", [words for words, command in commands() if not hasattr(command, "commands")]
)
def test_every_command_is_documented_with_an_example(words: str) -> None:
    text = (REFERENCE / "cli.md").read_text(encoding="utf-8")

    assert f"### {words}\n" in text
    assert re.search(rf"Example:\s+{words}\b", help_of(words))


# ── examples ─────────────────────────────────────────────────────────────────────────────────────────────────────


def toml_blocks() -> list[Block]:
    return [block for page in pages() for block in blocks(page) if block.kind == "toml"]


@pytest.mark.parametrize("block", toml_blocks(), ids=lambda block: block.place)
def test_toml_in_the_documentation_is_read(block: Block, tmp_path: Path) -> None:
    match block.about:
        case "plan":
            assert parse_plan(block.text, block.place).tasks
        case "script":
            assert parse_script(block.text, block.place)
        case "config":
            (tmp_path / "config.toml").write_text(block.text)
            config = Config.load(Home(tmp_path, tmp_path))
            assert config != Config()
        case "prices":
            (tmp_path / "prices.toml").write_text(block.text)
            assert Prices.load(tmp_path).known[0].model in block.text
        case "extensions":
            (tmp_path / "config.toml").write_text(block.text)
            where = Surroundings(tmp_path, tmp_path)
            found = [*find_servers(where), *find_hooks(where)]
            assert found
            assert not [each.problem for each in found if each.problem]
        case _:
            pytest.fail(
                f"{block.place}: say after the fence what it is: plan, script, config, prices or extensions"
            )


def test_verdict_lines_are_read_as_they_are_described() -> None:
    text = section(REFERENCE / "providers.md", "The verdict of a reviewer")
    lines = [line for line in text.splitlines() if line.startswith("VERDICT:")]

    found = [read_verdict(line, "c0ffee") for line in lines]

    assert [each.judgement for each in found] == [Judgement.APPROVED, Judgement.REJECTED]
    assert found[1].reason == "the last page is missing"


# ── tables ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_key_of_the_configuration_is_described_with_its_default() -> None:
    told = table("configuration.md", "Keys")
    known = {f"{name}.{key}": target for name, keys in KEYS.items() for key, (target, _) in keys.items()}

    assert set(told) >= set(known)
    for key, field in known.items():
        value = tomllib.loads(f"value = {code(told[key][1])}")["value"]
        assert (tuple(value) if isinstance(value, list) else value) == getattr(Config(), field), key
    assert {key for key in told if "." in key} == set(known)


@pytest.mark.parametrize(
    ("heading", "cls"),
    [
        ("`[providers.NAME]`", ProviderTable),
        ("`[roles.NAME]`", RoleTable),
        ("`[sandbox]`", SandboxTable),
        ("`[agents.limits]`", LimitsTable),
        ("`[identities.NAME]`", IdentityTable),
        ("`[listen]`", ListenTable),
    ],
)
def test_every_key_of_a_table_is_described_with_its_default(heading: str, cls: type) -> None:
    told = {key: tomllib.loads(f"value = {code(cells[1])}")["value"]
            for key, cells in table("configuration.md", heading).items()}  # fmt: skip

    assert told == {
        field.name: list(field.default) if isinstance(field.default, tuple) else field.default
        for field in fields(cls)
    }


def test_every_cap_is_described() -> None:
    text = section(REFERENCE / "configuration.md", "`[budget]`")

    told = {key for cells in rows(text) for key in re.findall(r"`(\w+)`", cells[0])}
    assert told == {field.name for field in fields(BudgetTable)}
    assert TOKENS_RULE in text
    assert USD_RULE in text


def test_the_numbers_of_a_budget_are_those_of_the_code() -> None:
    text = (DOCS / "how-to" / "budget.md").read_text(encoding="utf-8")

    assert f"the last {EVERY:g} seconds may not be known" in text
    assert burn(Amount(120_000, 1.23), Cap(usd=5.0)) in text


def test_the_keys_events_and_numbers_of_extensions_are_described() -> None:
    text = (REFERENCE / "extensions.md").read_text(encoding="utf-8")
    definitions = table("extensions.md", "Agent definitions")
    servers = rows(section(REFERENCE / "extensions.md", "MCP servers"))
    hooks = rows(section(REFERENCE / "extensions.md", "Hooks"))
    events = [cells for cells in hooks if code(cells[0]) in EVENTS and len(cells) == 3]

    assert tuple(definitions) == DEFINITION_KEYS
    assert [code(cells[1]) for cells in definitions.values() if code(cells[1])] == [
        {"denied_tools": "disallowedTools", "permissions": "permissionMode"}.get(key, key)
        for key in DEFINITION_KEYS
        if key != "prompt"
    ]
    assert set(_HEAD) == {code(cells[1]) for cells in definitions.values() if code(cells[1])}
    assert {word for cells in servers for word in re.findall(r"`(\w+)`", cells[0])} == set(SERVER_KEYS)
    assert {code(c[0]): code(c[1]) for c in events} == EVENTS
    assert {code(c[0]) for c in events if c[2] == "no"} == AFTERWARDS
    assert f"| `timeout` | `{TIMEOUT:g}` |" in text
    assert all(f"`{name}`" in text for name in PLAIN)
    assert f"more than {MOST_FILES:,} files or {MOST_BYTES >> 20} MiB" in text


def test_every_key_of_a_plan_file_is_described_with_its_default() -> None:
    top, task = table("plan-file.md", "Keys of the plan"), table("plan-file.md", "Keys of a task")
    names = {"key": "id"}
    defaults = {names.get(f.name, f.name): f.default for f in (*fields(PlanDraft), *fields(TaskDraft))}

    assert set(top) == {"title", "description", "base", "test", "phases", "tasks"}
    assert set(task) == set(_TASK_KEYS)
    for key, cells in [*top.items(), *task.items()]:
        if told := code(cells[2]):
            value = tomllib.loads(f"value = {told}")["value"]
            assert (tuple(value) if isinstance(value, list) else value) == defaults[key], key


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('title = "p"\n[[tasks]]\ntitle = "a"\ndepend = ["b"]', "unknown key 'depend' (did you mean depends?)"),
        ('title = "p"\n[[tasks]]\ntitle = "a"\npriority = "1"', "'priority' must be a whole number, not a string"),
        ('[[tasks]]\ntitle = "a"', "a title is missing"),
        ('title = "p"', "the plan has no tasks: add a [[tasks]] table with a title"),
        ('title = "p"\n[[phases]]\ntitle = "a"', "this phase has no tasks: add a [[phases.tasks]] table below it"),
        ('title = "p"\nphases = []\ntasks = []',
         "a plan has either [[phases]] with [[phases.tasks]], or [[tasks]] alone"),
        ('title = "p"\n[[tasks]]\ntitle = "b"\n[[tasks]]\ntitle = "c"\nid = "b"',
         "another task has the id 'b' already"),
        ('title = "p"\n[[tasks]]\ntitle = "adapter"\ndepends = ["adaptor"]',
         "there is no task with the id 'adaptor' (did you mean adapter?)"),
        ('title = "p"\n[[tasks]]\ntitle = "a"\ndepends = ["b"]\n[[tasks]]\ntitle = "b"\ndepends = ["a"]',
         "these tasks wait for each other: a → b → a"),
    ],
)  # fmt: skip
def test_mistakes_in_a_plan_are_told_as_they_are_described(text: str, message: str) -> None:
    described = [cells[1] for cells in rows(section(REFERENCE / "plan-file.md", "Mistakes"))]

    with pytest.raises(Exception, match=re.escape(message)):
        parse_plan(text, "plan.toml")

    assert f"`{message}`" in described


def test_every_placeholder_and_variable_is_described() -> None:
    told = {key: code(cells[1]) for key, cells in table("providers.md", "Placeholders").items()}

    assert set(told) == {f"{{{name}}}" for name in template._NAMES}
    assert told == {
        name: "" if name == "{prompt}" else f"MAESTRO_{name.strip('{}').upper()}" for name in told
    }


def test_every_step_and_selector_of_a_script_is_described() -> None:
    turns, told = table("providers.md", "Turns"), table("providers.md", "Steps")

    assert set(turns) == {"task", "purpose", "revision", "attempt", "steps"}
    assert set(told) == set(script._READERS)
    for step, options in script._OPTIONS.items():
        assert all(f"`{option}`" in told[step][2] for option in options), step
    assert Failed("").retryable


# ── the wire ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_purpose_of_a_run_is_described() -> None:
    text = section(REFERENCE / "protocol.md", "Run")
    lead = re.search(r"Purposes of the lead: (.*)", text)
    workers = re.search(r"Purposes of workers: (.*)", text)

    assert lead
    assert {*re.findall(r"`(\w+)`", lead[1])} == LEAD_PURPOSES
    assert workers
    assert {*re.findall(r"`(\w+)`", workers[1])} == set(Purpose) - LEAD_PURPOSES


def test_every_kind_of_decision_is_described() -> None:
    text = section(DOCS / "how-to" / "steer-and-decide.md", "Decide")
    told = {word for cells in rows(text) for word in re.findall(r"`(\w+)`", cells[0])}
    asked = re.compile(r'(?:_give_up\(\s*task,|AskDecision\()\s*"(\w+)"')
    of_tasks = set(asked.findall((SOURCES / "model" / "task.py").read_text()))

    assert {"attempts", "revision_cap"} < of_tasks
    of_plans = {Purpose.BOOTSTRAP_EPIC, Purpose.RELEASE, Purpose.REPO_ANALYSIS, Purpose.PLAN}
    assert told == of_tasks | of_plans
    assert (
        f"`proposal` shows a plan that an agent has drafted: `{APPROVE}` starts it, `{REJECT}` cancels"
        in text
    )
    assert "`budget` says that a [cap]" in text
    assert f"`{RAISE}`, `{FINISH}` or `{STOP}`" in text
    assert f"offered {OFFERS_CAP} times" in text
    assert f"interrupted {ATTEMPTS} times" in text


def test_the_numbers_of_dispatch_are_those_of_the_code() -> None:
    text = section(REFERENCE / "protocol.md", "Dispatch")

    for words in (
        f"A run that has waited {PATIENCE:.0f} s goes before",
        f"handed at most {IN_FLIGHT_CAP} runs",
        f"claims within {CLAIM_SECONDS:.0f} s",
        f"After {OFFERS_CAP} offers",
        f"more than {LONGEST_PAUSE / 86400:.0f} days ahead",
        f"at most {PER_TASK} parts, and parts of parts go {DEPTH} levels",
        f"is tried {ATTEMPTS} times",
    ):
        assert words in text, words
    assert f"`items`: at most {ITEMS} of" in section(REFERENCE / "protocol.md", "Results of a run")


def test_every_kind_of_blocker_is_described() -> None:
    known = set(re.findall(r'Blocker\(\s*"(\w+)"', (SOURCES / "model" / "blockers.py").read_text()))

    assert {"plan", "dependency", "skill"} < known
    raised = {REPORTED, QUESTION}
    assert set(table("protocol.md", "What keeps a task from starting")) == known | raised


def test_every_rest_call_is_described() -> None:
    told = {
        (method, path if path.startswith("/") else f"/api/v1/{path}")
        for cells in rows(section(REFERENCE / "protocol.md", "REST"))
        if (found := re.match(r"(GET|POST|PUT|PATCH|DELETE) (\S+)", code(cells[0])))
        for method, path in [found.groups()]
    }
    known = {
        (method, route.path)
        for route in routes()
        for method in sorted(getattr(route, "methods", None) or ())
        if method != "HEAD"
    }

    assert told == known
    assert f"at most {LARGEST_BODY // 2**20} MiB" in (REFERENCE / "protocol.md").read_text()


def test_the_problems_are_those_of_the_code() -> None:
    told = {word: int(cells[0]) for cells in rows(section(REFERENCE / "protocol.md", "Problems"))
            for word in re.findall(r"`([a-z_]+)`", cells[1])}  # fmt: skip

    assert told == {
        re.sub(r"(?<=[a-z])(?=[A-Z])", "_", error.__name__).lower(): code for error, code in STATUS.items()
    }


def test_every_metric_is_described_with_its_labels() -> None:
    told = {
        name.removesuffix("_total"): re.findall(r"`(\w+)`", cells[1])
        for name, cells in table("protocol.md", "Metrics").items()
        if name.startswith("maestro_")
    }
    metrics = Metrics()
    metrics.request("GET", "/up", 200, 0.1)
    families = _Families(metrics, Wire(0, 0), Work({}, 0.0, {}), "1").collect()

    assert told == {family.name: list(family._labelnames) for family in families}


def test_every_event_of_studio_is_described() -> None:
    sent = re.compile(r'(?:publish|say)\((?:[^()]|\([^()]*\))*?"([a-z_]+\.[a-z_]+)"')
    sources = (SOURCES / "studio").rglob("*.py")
    known = {*inbox.EVENTS.values(), *(name for path in sources for name in sent.findall(path.read_text()))}

    assert {"run.dispatched", "task.updated", "verdict.given", "team.ended"} < known
    told = table("protocol.md", "WebSocket")
    assert {name for name in told if re.fullmatch(r"[a-z_]+\.[a-z_]+", name)} == known


def test_the_limits_of_the_server_are_those_of_the_code() -> None:
    text, limits = section(REFERENCE / "protocol.md", "WebSocket"), ServerLimits()

    assert f"| {limits.message_bytes} bytes, then 4301; from {LARGEST_MESSAGE // 2**20} MiB on" in text
    assert f"| {UNREAD_ANSWERS}, then the client is not read" in text
    assert f"| channels of one connection | {limits.subscriptions}; for more" in text
    assert f"is gone there after {LEASE:.0f} s" in text
    assert f"| {limits.client_events} a second |" in text
    assert f"| silence until a ping is due | {limits.activity_timeout} s |" in text
    assert f"| wait for the answer | {limits.pong_timeout:.0f} s |" in text
    assert f"| {LARGEST_BACKLOG // 2**20} MiB, then the connection" in text
    assert f"| {LONGEST_SEND:.0f} s, then the same |" in text


def test_every_method_of_the_local_line_is_described() -> None:
    told = set(table("protocol.md", "The local line"))
    daemon = re.findall(r'case "([a-z.]+)"', (SOURCES / "daemon" / "__main__.py").read_text())
    connections = Service(None)._methods  # type: ignore[arg-type]  # none of them is called

    assert len(daemon) > 3
    assert told >= {*daemon, *connections}


def test_every_event_of_a_team_is_described() -> None:
    told = {name for cells in rows(section(REFERENCE / "protocol.md", "Events of a team"))
            for name in re.findall(r"`([a-z._]+)`", cells[0])}  # fmt: skip
    posted = re.compile(
        r"""(?:happenings\.add\(|self\.(?:_|_reporter\.)?(?:post|tell)\(|Post\(self\._name,|self\._append\(|self\._once\([^"]*,)\s*"([a-z._]+)\""""
    )
    known = {name for path in (SOURCES / "actors").glob("*.py") for name in posted.findall(path.read_text())}

    assert {"run.started", "directive", "team.waiting", "worker.lost"} < known
    assert told == known | {*raising.KINDS.values(), *raising.REFUSED.values()}
    assert f"The last {KEPT} are kept" in section(REFERENCE / "protocol.md", "Events of a team")


def test_the_channels_are_those_of_the_code() -> None:
    told = {name for cells in rows(section(REFERENCE / "protocol.md", "WebSocket"))
            for name in re.findall(r"`([a-z]+-[a-z]+\.)<", cells[0])}  # fmt: skip

    assert told == {*channels._PROJECT, *channels._TEAM}
