"""git that looks at what is here and fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from maestro_ray.ports import RunsGit

# A clone may leave objects to its remote, and git then asks that for each of them, with the program that the
# repository's own configuration names. An empty list of protocols forbids it to every git, the other name to new ones.
_NOTHING_FETCHED = {"GIT_ALLOW_PROTOCOL": "", "GIT_NO_LAZY_FETCH": "1"}


@dataclass(frozen=True)
class Offline:
    """A `RunsGit` for which an object that is not here is missing: `GitFailed`, or what git says in its place."""

    git: RunsGit

    def run(self, *args: str, stdin: str | None = None, env: Mapping[str, str] | None = None) -> str:
        return self.git.run(*args, stdin=stdin, env={**(env or {}), **_NOTHING_FETCHED})
