"""Where maestro keeps things, and what its configuration files say."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import stat
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from maestro_ray.errors import ConfigError, NotWritable

# Ray's socket names add 66 bytes to its temporary directory and a Unix socket address holds 107.
LONGEST_RAY_DIRECTORY = 41


@dataclass(frozen=True)
class Home:
    """The state directory (`$MAESTRO_HOME`, by default `~/.maestro`) and the places inside it.

    `run` holds sockets and other short-lived files. It is `<root>/run` unless that is too long for a socket
    address; then it is a directory of this home's own under the system's temporary directory.
    """

    root: Path
    run: Path

    @classmethod
    def find(cls, environ: Mapping[str, str] | None = None) -> Home:
        """The home this environment names; nothing is created."""
        env = os.environ if environ is None else environ
        root = Path(env.get("MAESTRO_HOME") or Path(env.get("HOME") or Path.home()) / ".maestro").absolute()
        run = root / "run"
        if len(os.fsencode(run / "ray")) > LONGEST_RAY_DIRECTORY:
            run = _short_directory(root)
        return cls(root, run)

    @property
    def instance(self) -> str:
        """Eight hex digits that tell two homes of one machine apart."""
        return _digest(self.root)

    @property
    def daemon_socket(self) -> Path:
        return self.run / "daemon.sock"

    @property
    def connections_socket(self) -> Path:
        return self.run / "connections.sock"

    @property
    def ray_directory(self) -> Path:
        return self.run / "ray"

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def worktrees(self) -> Path:
        return self.root / "worktrees"

    @property
    def studio(self) -> Path:
        return self.root / "studio"

    def prepare(self) -> None:
        """Create the directories, private to this user. Raises `NotWritable`."""
        try:
            for path in (
                self.root,
                self.run.parent,
                self.run,
                self.journal,
                self.logs,
                self.worktrees,
                self.studio,
            ):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for path in (self.root, self.run):
                _make_private(path)
        except OSError as error:
            raise NotWritable(str(error.filename or self.root), error.strerror or str(error)) from error
        if not os.access(self.root, os.W_OK | os.X_OK):
            raise NotWritable(str(self.root), "permission denied")

    def machine_id(self) -> str:
        """A random id of this machine's home, made at the first call and kept in `machine.id`."""
        path = self.root / "machine.id"
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            self.prepare()
            fresh = path.with_name(f"machine.id.{os.getpid()}")
            fresh.write_text(os.urandom(8).hex() + "\n")
            try:
                path.hardlink_to(fresh)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
            return path.read_text().strip()


@dataclass(frozen=True)
class ProviderTable:
    """A `[providers.NAME]` table."""

    kind: str = "command"
    argv: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    verdict: str = "line"


@dataclass(frozen=True)
class RoleTable:
    """A `[roles.NAME]` table: it makes `--NAME N` a worker role."""

    provider: str = ""
    skills: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """The merged configuration: built-in defaults, then the home's file, then the repository's.

    Times are seconds. `ping` is how often a worker shows that it lives, `lease` how long it is believed
    without; `session_heartbeat` and `session_lease` are the same between Connections and Studio.
    """

    bot: str = "maestro"
    pool: int = 6
    studio_port: int = 0
    attempts: int = 3
    revision_cap: int = 3
    ping: float = 1.0
    lease: float = 4.0
    session_heartbeat: float = 30.0
    session_lease: float = 90.0
    stop_grace: float = 2.0
    providers: Mapping[str, ProviderTable] = field(default_factory=dict)
    roles: Mapping[str, RoleTable] = field(default_factory=dict)

    @classmethod
    def load(cls, home: Home, repo: Path | None = None) -> Config:
        """Read and merge the files that exist. Raises `ConfigError` with line and column."""
        config = cls()
        for path in (home.root / "config.toml", *([repo / ".maestro" / "config.toml"] if repo else [])):
            try:
                text = path.read_text(encoding="utf-8")
            except (FileNotFoundError, NotADirectoryError):
                continue
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(str(path), 1, 1, f"cannot be read: {error}") from error
            config = _merge(config, text, str(path))
        return config


# file key -> field of Config; a table's name, a dot, the key
_KEYS = {
    "bot.name": "bot",
    "ray.pool": "pool",
    "studio.port": "studio_port",
    "team.attempts": "attempts",
    "team.revision_cap": "revision_cap",
    "lease.ping": "ping",
    "lease.worker": "lease",
    "lease.session_heartbeat": "session_heartbeat",
    "lease.session": "session_lease",
    "team.stop_grace": "stop_grace",
}


def _merge(config: Config, text: str, path: str) -> Config:
    tables = parse_toml(text, path)
    changes: dict[str, Any] = {}
    providers, roles = dict(config.providers), dict(config.roles)
    types = {f.name: type(getattr(config, f.name)) for f in fields(config)}
    for table, body in tables.items():
        if not isinstance(body, dict):
            raise _error(path, text, table, f"{table!r} must be a table")
        for key, value in body.items():
            if table == "providers":
                providers[key] = _table(ProviderTable, value, path, text, f"providers.{key}")
            elif table == "roles":
                roles[key] = _table(RoleTable, value, path, text, f"roles.{key}")
            elif (name := _KEYS.get(f"{table}.{key}")) is None:
                known = [*_KEYS, "providers", "roles"]
                raise _error(
                    path,
                    text,
                    f"{table}.{key}",
                    f"unknown key {table}.{key}{_did_you_mean(f'{table}.{key}', known)}",
                )
            else:
                changes[name] = _typed(value, types[name], path, text, f"{table}.{key}")
    return replace(config, **changes, providers=providers, roles=roles)


def _table(cls: type[Any], value: Any, path: str, text: str, at: str) -> Any:
    if not isinstance(value, dict):
        raise _error(path, text, at, f"{at} must be a table")
    known = {f.name: type(f.default) for f in fields(cls)}
    for key, item in value.items():
        if key not in known:
            raise _error(
                path, text, f"{at}.{key}", f"unknown key {at}.{key}{_did_you_mean(key, list(known))}"
            )
        _typed(item, known[key], path, text, f"{at}.{key}")
    if value.get("verdict", "line") not in ("line", "exit-code"):
        raise _error(path, text, f"{at}.verdict", 'verdict is "line" or "exit-code"')
    return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in value.items()})


def _typed(value: Any, kind: type, path: str, text: str, at: str) -> Any:
    if kind is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise _error(path, text, at, f"{at} must be a list of strings")
        return value
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if not isinstance(value, kind) or isinstance(value, bool):
        words = {int: "a whole number", float: "a number", str: "a string"}
        raise _error(path, text, at, f"{at} must be {words[kind]}")
    if isinstance(value, int | float) and value < 0:
        raise _error(path, text, at, f"{at} cannot be negative")
    return value


def parse_toml(text: str, path: str, error: type[ConfigError] = ConfigError) -> dict[str, Any]:
    """TOML as a dict; a syntax error is raised as `error(path, line, column, message)`."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as bad:
        found = re.search(r"^(.*) \(at (?:line (\d+), column (\d+)|end of document)\)$", str(bad), re.S)
        if found is None:
            raise error(path, 1, 1, str(bad)) from bad
        last = text.count("\n") + 1
        raise error(path, int(found[2] or last), int(found[3] or 1), found[1]) from bad


def _error(path: str, text: str, at: str, message: str) -> ConfigError:
    line, column = locate(text, at)
    return ConfigError(path, line, column, message)


def locate(text: str, at: str) -> tuple[int, int]:
    """Where the dotted key stands in TOML text, as (line, column) from 1; (1, 1) when it cannot be seen.

    `tomllib` keeps no positions. This reads headers and bare keys, which is all that our files use.
    """
    table, header = "", (1, 1)
    for number, line in enumerate(text.splitlines(), 1):
        if found := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]\]?", line):
            table = found[1]
            if table == at or at.startswith(f"{table}."):
                header = (number, 1 + len(line) - len(line.lstrip()))
        elif found := re.match(r"(\s*)([\w.\"'-]+)\s*=", line):
            key = f"{table}.{found[2]}" if table else found[2]
            if key == at:
                return number, 1 + len(found[1])
    return header


def _did_you_mean(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _digest(root: Path) -> str:
    return hashlib.sha256(os.fsencode(root)).hexdigest()[:8]


def _short_directory(root: Path) -> Path:
    tail = Path(f"maestro-{os.getuid()}") / _digest(root)
    for base in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - the short one is checked for owner and mode
        if len(os.fsencode(base / tail / "ray")) <= LONGEST_RAY_DIRECTORY:
            return base / tail
    return Path("/tmp") / tail  # noqa: S108


def _make_private(path: Path) -> None:
    """Refuse a directory somebody else could have laid out for us, and close ours to others."""
    for part in (path, path.parent) if path.parent.name == f"maestro-{os.getuid()}" else (path,):
        info = part.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
            raise NotWritable(str(part), "it is not a directory of yours")
        if stat.S_IMODE(info.st_mode) & 0o077:
            part.chmod(0o700)
