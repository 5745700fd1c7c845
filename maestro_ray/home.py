"""Where maestro keeps things: the state directory and the places inside it."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from maestro_ray.errors import NotWritable

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
    def connections_journal(self) -> Path:
        return self.journal / "connections.db"

    @property
    def ray_directory(self) -> Path:
        return self.run / "ray"

    @property
    def pulses(self) -> Path:
        return self.run / "pulses"

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

    @property
    def studio_database(self) -> Path:
        return self.studio / "studio.db"

    @property
    def identities(self) -> Path:
        return self.root / "identities"

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
                self.identities,
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
            fresh = path.with_name(f"machine.id.{os.urandom(8).hex()}")
            fresh.touch(mode=0o600)
            fresh.write_text(os.urandom(8).hex() + "\n")
            try:
                path.hardlink_to(fresh)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
            return path.read_text().strip()


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
        if stat.S_ISLNK(info.st_mode):
            raise NotWritable(str(part), "it is a symbolic link; name the directory itself")
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
            raise NotWritable(str(part), "it is not a directory of yours")
        if stat.S_IMODE(info.st_mode) & 0o077:
            part.chmod(0o700)
