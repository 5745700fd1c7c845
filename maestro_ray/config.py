"""What the configuration files say."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

from maestro_ray import budget_table
from maestro_ray.budget_table import BudgetTable
from maestro_ray.errors import ConfigError
from maestro_ray.home import Home
from maestro_ray.limits_table import LimitsTable, read_limits
from maestro_ray.listen_table import ListenTable, port, read_listen
from maestro_ray.permission_table import permission_lines
from maestro_ray.small_file import read_small
from maestro_ray.toml import Table, read_toml

T = TypeVar("T")

LARGEST_POOL = 256
MOST_REVIEWERS = 100
LEVELS = ("debug", "info", "warning", "error")


# of providers; `providers.registry` has their adapters
KINDS = ("claude", "codex", "gemini", "opencode", "qwen", "pi", "acp", "command", "manual", "scripted")
# those whose `argv` is the program itself, which has nothing of the person's but what `env` names
TEMPLATES = ("command", "manual", "scripted", "acp")


@dataclass(frozen=True)
class ProviderTable:
    """A `[providers.NAME]` table."""

    kind: str = "command"
    argv: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    verdict: str = "line"
    model: str = ""
    args: tuple[str, ...] = ()
    exec: bool = False


@dataclass(frozen=True)
class RoleTable:
    """A `[roles.NAME]` table: it makes `--NAME N` a worker role.

    `permissions` are lines for `model.permission.policy`.
    """

    provider: str = ""
    skills: tuple[str, ...] = ()
    agent: str = ""
    permissions: tuple[str, ...] = ()


@dataclass(frozen=True)
class IdentityTable:
    """An `[identities.NAME]` table: who one is at another Studio. `insecure` allows an address of plain http."""

    NAME: ClassVar[re.Pattern[str]] = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
    RULE: ClassVar[str] = "a name is made of letters, digits, - and _, and `local` is taken"

    studio: str = ""
    insecure: bool = False


@dataclass(frozen=True)
class SandboxTable:
    """The `[sandbox]` table. `read` and `write` are further paths, absolute or below `~/`; workers of a role in
    `offline` have no network."""

    MODES: ClassVar[tuple[str, ...]] = ("auto", "require", "off")

    mode: str = "auto"
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """The merged configuration: built-in defaults, then the home's file, then the repository's.

    Tables of providers and roles are the other way round: whoever can merge into the repository, agents among them,
    must not redefine what the operator relies on. So it is with the caps of `budget`: a repository says those that the
    operator leaves open. `theirs` are the names of the providers that only the repository defines, `agent_env` the
    variables it may name for them.

    Times are seconds. `ping` is how often a worker shows that it lives, `lease` how long it is believed
    without; `session_heartbeat` and `session_lease` are the same between Connections and Studio.
    """

    bot: str = "maestro"
    pool: int = 6
    connections_per_actor: int = 256
    studio_port: int = 0
    studio_database: str = field(default="", repr=False)
    studio_log: str = "warning"
    attempts: int = 3
    revision_cap: int = 3
    reviewers: int = 1
    review_policy: str = "all"
    ping: float = 1.0
    lease: float = 4.0
    session_heartbeat: float = 30.0
    session_lease: float = 90.0
    stop_grace: float = 0.7
    silence: float = 45.0
    agent_env: tuple[str, ...] = ()
    team_tools: bool = True
    sandbox: SandboxTable = field(default_factory=SandboxTable)
    limits: LimitsTable = field(default_factory=LimitsTable)
    listen: ListenTable = field(default_factory=ListenTable)
    budget: BudgetTable = field(default_factory=BudgetTable)
    theirs: frozenset[str] = frozenset()
    providers: Mapping[str, ProviderTable] = field(default_factory=dict)
    roles: Mapping[str, RoleTable] = field(default_factory=dict)
    identities: Mapping[str, IdentityTable] = field(default_factory=dict)

    @classmethod
    def load(cls, home: Home, repo: Path | None = None) -> Config:
        """Read and merge the files that exist. Raises `ConfigError` with line and column."""
        config = cls()
        for path in (home.root / "config.toml", *([repo / ".maestro" / "config.toml"] if repo else [])):
            try:
                text = _content(path, repo if path.parent != home.root else None)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, ValueError) as error:
                raise ConfigError(str(path), 1, 1, f"cannot be read: {error}") from error
            top = read_toml(text, str(path), ConfigError)
            config = _of_the_home(top) if path.parent == home.root else _with_repository(config, top)
        return config


def _content(path: Path, within: Path | None) -> str:
    """The file's text. Raises `OSError`, and `ValueError` for what is no text of a bearable size.

    What lies `within` a repository was written by others: a link there may lead to somebody's keys.
    """
    if within is not None and not path.resolve().is_relative_to(within.resolve()):
        raise ValueError("it is a link that leads out of the repository")
    return read_small(path, follow=True)


def _whole(table: Table, key: str) -> int:
    value = table.whole(key, 0)
    if value < 0:
        raise table.mistake(f"{key!r} cannot be negative", key)
    return value


def _at_least_one(table: Table, key: str) -> int:
    value = _whole(table, key)
    if value == 0:
        raise table.mistake(f"{key!r} must be at least 1", key)
    return value


def _duration(table: Table, key: str) -> float:
    value = table.number(key)
    if value == 0:
        raise table.mistake(f"{key!r} must be more than 0 seconds", key)
    return value


def _pool(table: Table, key: str) -> int:
    value = _whole(table, key)
    if value > LARGEST_POOL:
        raise table.mistake(f"{key!r} is at most {LARGEST_POOL}: each of them is a process", key)
    return value


def _database(table: Table, key: str) -> str:
    """The address of a PostgreSQL database. It may hold a password, so that no mistake shows it."""
    value = table.text(key)
    try:
        address = urlsplit(value)
        sound = address.scheme in ("postgresql", "postgres") and (address.port or True)
    except ValueError:
        sound = False
    if value and not sound:
        form = "postgresql://USER:PASSWORD@HOST:PORT/NAME, with special characters of the password as %XX"
        raise table.mistake(f"{key!r} is an address of the form {form}", key)
    return value.replace("postgres://", "postgresql://", 1) if value.startswith("postgres://") else value


def _level(table: Table, key: str) -> str:
    value = table.text(key)
    if value not in LEVELS:
        raise table.mistake(f"{key!r} is one of {', '.join(LEVELS)}", key)
    return value


def _bot(table: Table, key: str) -> str:
    value = table.text(key).strip()
    if not value or not value.isprintable():
        raise table.mistake(f"{key!r} must be a name", key)
    return value


# from the least strict to the strictest
AGREEMENTS = ("any", "majority", "all")


def _agreement(table: Table, key: str) -> str:
    value = table.text(key)
    if value not in AGREEMENTS:
        raise table.mistake(f"{key!r} is one of {', '.join(AGREEMENTS)}", key)
    return value


def _reviewers(table: Table, key: str) -> int:
    value = _at_least_one(table, key)
    if value > MOST_REVIEWERS:
        raise table.mistake(f"{key!r} is at most {MOST_REVIEWERS}", key)
    return value


def _flag(table: Table, key: str) -> bool:
    return table.flag(key, False)


def _names(table: Table, key: str) -> tuple[str, ...]:
    return tuple(table.texts(key))


# table and key in a file -> field of Config and how it is read
KEYS: dict[str, dict[str, tuple[str, Callable[[Table, str], Any]]]] = {
    "bot": {"name": ("bot", _bot)},
    "ray": {
        "pool": ("pool", _pool),
        "connections_per_actor": ("connections_per_actor", _at_least_one),
    },
    "studio": {
        "port": ("studio_port", port),
        "database": ("studio_database", _database),
        "log": ("studio_log", _level),
    },
    "team": {
        "attempts": ("attempts", _at_least_one),
        "revision_cap": ("revision_cap", _whole),
    },
    "review": {
        "reviewers": ("reviewers", _reviewers),
        "policy": ("review_policy", _agreement),
    },
    "agents": {
        "stop_grace": ("stop_grace", Table.number),
        "silence": ("silence", _duration),
        "env": ("agent_env", _names),
        "team_tools": ("team_tools", _flag),
    },
    "lease": {
        "ping": ("ping", _duration),
        "worker": ("lease", _duration),
        "session_heartbeat": ("session_heartbeat", _duration),
        "session": ("session_lease", _duration),
    },
}


# these are about the machine: the daemon reads them once, before it knows of any repository
OF_THE_HOME = ("ray", "studio", "listen", "agents", "sandbox", "lease", "identities")


def _of_the_home(top: Table) -> Config:
    config = replace(Config(), **_settings(top), providers=_tables(top, "providers", _provider))
    _leases_can_be_kept(config, top.table("lease"))
    return replace(
        config,
        sandbox=_sandbox(top.table("sandbox")),
        limits=read_limits(top.table("agents").table("limits")),
        listen=read_listen(top.table("listen")),
        budget=budget_table.read(top.table("budget")),
        roles=_tables(top, "roles", _role),
        identities=_tables(top, "identities", _identity),
    )


def _with_repository(config: Config, top: Table) -> Config:
    for name in OF_THE_HOME:
        if name in top:
            raise top.mistake(
                f"[{name}] belongs in the config.toml of the state directory, not of a repository", name
            )
    theirs = _tables(top, "providers", _provider)
    new = frozenset(theirs).difference(config.providers)
    for name in theirs:
        if name in new:
            _env_is_allowed(config, top.table("providers").table(name), theirs[name])
            _arguments_are_ours(top.table("providers").table(name), theirs[name])
    return replace(
        config,
        **_with_their_reviews(config, _settings(top)),
        theirs=new,
        budget=config.budget.under(budget_table.read(top.table("budget"))),
        providers={**theirs, **config.providers},
        roles=_with_their_roles(config.roles, _tables(top, "roles", _their_role)),
    )


def _with_their_reviews(config: Config, theirs: dict[str, Any]) -> dict[str, Any]:
    """Nobody merges into a repository that its next changes need fewer reviewers."""
    most = max(config.reviewers, theirs.get("reviewers", 1))
    agreement = max(config.review_policy, theirs.get("review_policy", "any"), key=AGREEMENTS.index)
    return {**theirs, "reviewers": most, "review_policy": agreement}


def _env_is_allowed(config: Config, table: Table, provider: ProviderTable) -> None:
    """Which secrets of the operator's shell reach an agent is the operator's to say."""
    for index, name in enumerate(provider.env):
        if name not in config.agent_env:
            mistake = table.mistake(
                f"a repository may not name the variable {name!r} for an agent", "env", index
            )
            hint = f'if it may, list it in the config.toml of the state directory: [agents] env = ["{name}"]'
            raise ConfigError(*mistake.args, hint)


def _arguments_are_ours(table: Table, provider: ProviderTable) -> None:
    """An argument can send the key or the log-in of the operator's own agent to another address."""
    for key, given in (("args", provider.args), ("argv", provider.argv)):
        if given and (key == "args" or provider.kind not in TEMPLATES):
            mistake = table.mistake(
                f"a repository may not give arguments to an agent with your log-in: {key!r}", key
            )
            raise ConfigError(*mistake.args, "put the table into the config.toml of the state directory")


def _settings(top: Table) -> dict[str, Any]:
    # what is wrong in a table of extensions harms no other: `maestro_ray.extensions` reads them, one by one
    top.only(*KEYS, "listen", "budget", "sandbox", "providers", "roles", "identities", "mcp", "hooks")
    found: dict[str, Any] = {}
    for name, keys in KEYS.items():
        table = top.table(name)
        table.only(*keys, *(("limits",) if name == "agents" else ()))
        found |= {target: read(table, key) for key, (target, read) in keys.items() if key in table}
    return found


def _tables(top: Table, key: str, read: Callable[[Table, str], T]) -> dict[str, T]:
    tables = top.table(key)
    return {name: read(tables, name) for name in tables}


def _leases_can_be_kept(config: Config, table: Table) -> None:
    """Whoever is believed for less time than lies between two signs of life is lost again and again."""
    for sign, every, lease, within in (
        ("ping", config.ping, "worker", config.lease),
        ("session_heartbeat", config.session_heartbeat, "session", config.session_lease),
    ):
        if every >= within:
            raise table.mistake(
                f"{sign!r} ({every:g} s) must be less than {lease!r} ({within:g} s)",
                lease if lease in table else sign,
            )


def _provider(tables: Table, name: str) -> ProviderTable:
    table = tables.table(name)
    table.only("kind", "argv", "env", "verdict", "model", "args", "exec")
    verdict = table.text("verdict", "line")
    if verdict not in ("line", "exit-code"):
        raise table.mistake('verdict is "line" or "exit-code"', "verdict")
    kind = table.text("kind", "command")
    if kind not in KINDS and not _of_a_package(kind):
        raise table.mistake(
            f"there is no kind of provider {kind!r}: {', '.join(KINDS)} or one of a package", "kind"
        )
    texts = {key: tuple(table.texts(key)) for key in ("argv", "env", "args")}
    return ProviderTable(
        kind, verdict=verdict, model=table.text("model"), exec=table.flag("exec", False), **texts
    )


def _of_a_package(kind: str) -> bool:
    from importlib.metadata import entry_points

    return bool(entry_points(group="maestro.providers", name=kind))


def _role(roles: Table, name: str, *, theirs: bool = False) -> RoleTable:
    table = roles.table(name)
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,31}", name):
        raise roles.mistake(
            f"{name!r} cannot be the name of a worker role: use small letters, digits and '-'", name
        )
    # the lead is one of no number: it has an agent where there is a goal, and takes no tasks
    table.only("provider", "permissions", *(("skills", "agent") if name != "lead" else ()))
    permissions = permission_lines(table.table("permissions"), theirs=theirs)
    skills, agent = tuple(table.texts("skills")), table.text("agent")
    return RoleTable(table.text("provider"), skills, agent, permissions)


def _their_role(roles: Table, name: str) -> RoleTable:
    return _role(roles, name, theirs=True)


def _with_their_roles(ours: Mapping[str, RoleTable], theirs: Mapping[str, RoleTable]) -> dict[str, RoleTable]:
    """Of a role that both have, the operator's holds; a repository can only permit it less."""
    both = {
        name: replace(ours[name], permissions=(*ours[name].permissions, *theirs[name].permissions))
        for name in ours.keys() & theirs.keys()
    }
    return {**theirs, **ours, **both}


def _sandbox(table: Table) -> SandboxTable:
    table.only("mode", "read", "write", "offline")
    mode = table.text("mode", "auto")
    if mode not in SandboxTable.MODES:
        raise table.mistake(f"mode is one of {', '.join(SandboxTable.MODES)}", "mode")
    return SandboxTable(mode, _paths(table, "read"), _paths(table, "write"), tuple(table.texts("offline")))


def _paths(table: Table, key: str) -> tuple[str, ...]:
    paths = tuple(table.texts(key))
    for index, path in enumerate(paths):
        if path != "~" and not path.startswith(("/", "~/")):
            raise table.mistake(
                f"{path!r} is not an absolute path; `~/` may stand for the home directory", key, index
            )
    return paths


def _identity(tables: Table, name: str) -> IdentityTable:
    if not IdentityTable.NAME.fullmatch(name) or name == "local":
        raise tables.mistake(f"{name!r} cannot be the name of an identity: {IdentityTable.RULE}", name)
    table = tables.table(name)
    table.only("studio", "insecure")
    if "studio" not in table:
        raise table.mistake("a studio is missing: its address")
    studio = table.text("studio")
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", studio):
        raise table.mistake("'studio' is an address, for example https://studio.example.com", "studio")
    return IdentityTable(studio.rstrip("/"), table.flag("insecure", False))
