"""A box: what an agent's program may see, change and reach on this machine, whatever keeps it there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

# places that belong to the whole machine: in a box each is its own, and empty
PRIVATE = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108 - named to be kept away

# sockets of other programs: of Docker, of a session's bus, of agents that hold keys
SOCKETS = Path("/run")

# what opens doors elsewhere, in the home directory of the person
KEYS = (
    ".1password",
    ".aws",
    ".azure",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".colima",
    ".config/containers",
    ".config/gcloud",
    ".config/gh",
    ".config/glab-cli",
    ".config/op",
    ".config/rclone",
    ".docker",
    ".git-credentials",
    ".gnupg",
    ".kube",
    ".local/share/keyrings",
    ".maestro",  # also when this home of maestro is another one
    ".netrc",
    ".password-store",
    ".pypirc",
    ".rd",
    ".ssh",
    ".terraform.d",
    ".vault-token",
)


@dataclass(frozen=True)
class Box:
    """Absolute paths. Everything is readable but what is `hidden`; nothing can be changed but what is `writable`, where
    temporary files go to the first one if there is no private `/tmp`.

    Of places inside one another the innermost decides: `readable` is seen although it lies in a private or hidden one,
    `sealed` cannot be changed although it lies in a writable one. Without `network` there is none,
    not even this machine's own.
    """

    directory: Path
    writable: tuple[Path, ...] = ()
    sealed: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    network: bool = True


@dataclass(frozen=True)
class Bench:
    """Where one run works: its worktree and scratch directory, and git's directories behind the worktree."""

    worktree: Path
    scratch: Path
    git_dir: Path
    common_dir: Path


def box_for(
    bench: Bench,
    purpose: str,
    *,
    state: Sequence[Path],
    person: Path,
    network: bool = True,
    readable: Sequence[Path] = (),
    writable: Sequence[Path] = (),
) -> Box:
    """The box of one run. `state` are the directories of maestro itself, `person` the person's home directory.

    Who reviews, plans or surveys changes nothing but its scratch directory. Who tests may leave files in its worktree,
    but no commit. Who develops may restore files and look at differences with git, but makes no commit: git's objects
    are closed to it, for whoever writes there could give the name of a reviewed file to other bytes. maestro commits.
    """
    mine = [bench.scratch]
    if purpose not in ("review", "plan", "repo_analysis"):
        mine.append(bench.worktree)
    # a person's own checkout shares its directory with the whole repository
    has_index = purpose == "execute" and bench.git_dir != bench.common_dir
    if has_index:
        mine.append(bench.git_dir)
    return Box(
        bench.worktree,
        writable=(*mine, *writable),
        sealed=_pointers(bench) if has_index else (bench.worktree / ".git",),
        readable=(bench.common_dir, bench.worktree, *readable),
        hidden=hidden(state, person),
        network=network,
    )


def hidden(state: Sequence[Path], person: Path) -> tuple[Path, ...]:
    """What nobody in a box sees: the directories of maestro itself, and what opens doors elsewhere."""
    return (*state, *(person / name for name in KEYS))


def _pointers(bench: Bench) -> tuple[Path, ...]:
    """The files that say to git which repository this is: whoever changes them chooses what git runs."""
    return (
        bench.worktree / ".git",
        bench.git_dir / "commondir",
        bench.git_dir / "gitdir",
        bench.git_dir / "config.worktree",
    )


def seen_anyway(
    words: Iterable[str], path: str, programs: Iterable[Path], closed: Iterable[Path] = ()
) -> tuple[Path, ...]:
    """What must be seen in a private place for a command to work at all: files its words name, what PATH leads to.

    Only files, and only in `PRIVATE`: text that finds its way into an argument opens neither a directory nor a socket.
    Nor does it open a file in one of the `closed` places, which may lie in a private one: a repository can write
    commands.
    """
    entries = [Path(entry) for entry in path.split(":") if entry.startswith("/")]
    roots = [entry.parent if entry.name in ("bin", "sbin") else entry for entry in entries]
    found = [each for each in (*roots, *programs) if is_private(each) and each not in PRIVATE]
    named = [Path(word) for word in words if word.startswith("/")]
    shut = [each.resolve() for each in closed]
    files = [each for each in named if is_private(each) and each.is_file()]
    # what it leads to is what would be seen
    files = [each for each in files if not any(each.resolve().is_relative_to(place) for place in shut)]
    files = [each for each in files if not any(each.is_relative_to(place) for place in found)]
    return tuple(dict.fromkeys((*found, *files)))


def is_private(path: Path) -> bool:
    return any(path.is_relative_to(place) for place in PRIVATE)
