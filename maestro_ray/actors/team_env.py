"""The environment a team's agents run in, and the team's directories: kept while it lives, gone when it ends.

The environment holds the keys of the shell that started the team, so it is in a 0600 file of its own and in no journal.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Mapping
from pathlib import Path

from maestro_ray.actors.team_record import TeamRecord
from maestro_ray.errors import MaestroError, NotWritable
from maestro_ray.home import Home
from maestro_ray.small_file import put_small
from maestro_ray.workspace import leftover
from maestro_ray.workspace.repo import Repo
from maestro_ray.workspace.tree import remove_tree
from maestro_ray.workspace.worktree import Worktrees

log = logging.getLogger(__name__)

# of teams that are over
JOURNALS_KEPT = 100


class TeamEnv:
    """By team name."""

    def __init__(self, home: Home) -> None:
        self._home = home

    def write(self, team: str, env: Mapping[str, str]) -> None:
        """Raises `NotWritable`, and then what was there before still is."""
        path = self._path(team)
        try:
            put_small(path, json.dumps(dict(env)).encode())
        except OSError as error:
            raise NotWritable(str(path), error.strerror or str(error)) from error

    def read(self, team: str) -> dict[str, str]:
        """Empty when it is lost: agents that need a key will then say so."""
        try:
            return dict(json.loads(self._path(team).read_text()))
        except (OSError, ValueError):
            return {}

    def clear(self, record: TeamRecord) -> None:
        """Remove the environment, the worktrees and the scratch directory of a team that is over."""
        self._path(record.name).unlink(missing_ok=True)
        try:
            Worktrees(Repo.open(Path(record.repo)), self._home.worktrees / record.name).remove_all()
        except MaestroError as error:
            log.warning("the worktrees of %s: %s", record.name, error)
            self._remove_without_git(record.name)
        remove_tree(self._home.root / "scratch" / record.name)

    def _remove_without_git(self, team: str) -> None:
        """What a run that was cut has left there is nowhere else, so it is moved aside."""
        directory = self._home.worktrees / team
        for path in leftover.owned(directory):
            leftover.quarantine(path, self._home.worktrees.parent / "quarantine" / team)
        remove_tree(directory)

    def trim_journals(self, living: Collection[str]) -> None:
        """Of teams that are over only the last journals are kept: Studio has their messages."""
        own = self._home.connections_journal.stem
        over = [path for path in self._home.journal.glob("*.db") if path.stem not in (own, *living)]
        over.sort(key=lambda path: path.stat().st_mtime)
        for path in over[:-JOURNALS_KEPT]:
            for suffix in ("", "-wal", "-shm"):
                path.with_name(path.name + suffix).unlink(missing_ok=True)

    def _path(self, team: str) -> Path:
        return self._home.run / f"team-{team}.env"
