"""What an agent left in its worktree, as one commit."""

from __future__ import annotations

from pathlib import Path

from maestro_ray.errors import HeadMoved, TooMuchLeft
from maestro_ray.workspace.git import Git, presentable
from maestro_ray.workspace.message import CommitMessage
from maestro_ray.workspace.refs import check_commit
from maestro_ray.workspace.tree import remove_traps, remove_tree

# bytes of new and changed files in one commit: more is a mistake, and no host takes it
MOST = 2 << 30


def commit_all(git: Git, message: CommitMessage, start: str) -> str | None:
    """Commit everything `git add -A` sees; answers the new HEAD, or None when nothing differs from `start`.

    Commits the agent made itself are kept, and when it left nothing else its HEAD is the answer. A merge it began
    and did not commit is finished with both parents. No branch moves: HEAD is detached afterwards, also when the agent
    had checked out a branch. A repository the agent made inside the worktree is added as the files it holds, its
    own history is dropped: a link to a commit nobody else has would be worth nothing. Submodules stay links.
    Raises `HeadMoved` when HEAD is not `start` or a descendant of it, `TooMuchLeft` above `MOST` bytes.
    """
    head = git.run("rev-parse", "--verify", "-q", "HEAD^{commit}", check=False).strip()
    if not head or not git.ask("merge-base", "--is-ancestor", check_commit(start), head):
        raise HeadMoved(head or "no commit", start)
    remove_traps(git.directory)
    links = _absorb_repositories(git, start)
    _weigh(git)
    _add(git, links)
    merging = _merge_heads(git, head)
    tree = git.line("write-tree")
    new = head
    if merging or tree != _tree(git, head):
        new = commit_tree(git, tree, [head, *merging], message)
    # --no-deref: a branch the agent attached HEAD to is not ours to move
    git.run("update-ref", "--no-deref", "-m", "maestro", "HEAD", new, head)
    return new if tree != _tree(git, start) or _merged_since(git, start, new) else None


def commit_tree(git: Git, tree: str, parents: list[str], message: CommitMessage) -> str:
    """A commit that no ref points to yet."""
    given = [word for parent in parents for word in ("-p", parent)]
    return git.line(
        "commit-tree", *given, "-F", "-", tree, stdin=message.full(git), env=message.by.environment()
    )


def _weigh(git: Git) -> None:
    """A file may say that it has terabytes and hold nothing: git would read zeros for days, and nobody wants them."""
    names = git.records("ls-files", "--others", "--modified", "--exclude-standard", "-z")
    sizes = {name: _size(git.directory / name) for name in names}
    if (whole := sum(sizes.values())) > MOST:
        largest = max(sizes, key=lambda name: sizes[name])
        raise TooMuchLeft(presentable(largest), sizes[largest], whole, MOST)


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:  # deleted, or below a link
        return 0


def _add(git: Git, links: list[str]) -> None:
    """Everything there is. Submodules by themselves, for `git add` looks into one with a `git status` of its own,
    and that runs whatever program the agent has written into the submodule's configuration as a filter.
    """
    if links:
        git.run(
            "update-index", "--add", "--remove", "-z", "--stdin", stdin="".join(f"{link}\0" for link in links)
        )
    apart = [f":(top,exclude,literal){link}" for link in links]
    git.run("add", "--all", "--sparse", "--", ".", *apart)


def _absorb_repositories(git: Git, start: str) -> list[str]:
    """Turn repositories that are no submodules into plain directories, from the outside in; those that are."""
    known = {*_links(git.records("ls-tree", "-r", "-z", "--full-tree", start)), *_declared(git)}
    links = set(_links(git.records("ls-files", "--stage", "-z")))
    # one that a link leads to is somebody else's
    submodules = {link for link in links & known if not _is_beyond_a_link(git.directory, link)}
    for link in links - submodules:
        git.run("rm", "--cached", "--force", "--quiet", "--", f":(top,literal){link}")
    while True:
        found = {str(path.relative_to(git.directory)): path for path in _repositories(git)}
        submodules |= known & found.keys()
        inside = [path for name, path in found.items() if name not in known]
        if not inside:
            return sorted(submodules)
        for path in inside:
            remove_tree(path / ".git")


def _is_beyond_a_link(directory: Path, name: str) -> bool:
    return any((directory / parent).is_symlink() for parent in Path(name).parents)


def _repositories(git: Git) -> list[Path]:
    """Untracked directories that git will not look into because they are repositories of their own."""
    others = git.records("ls-files", "--others", "--exclude-standard", "-z")
    found = (git.directory / other for other in others if other.endswith("/"))
    return [path for path in found if (path / ".git").exists() or (path / ".git").is_symlink()]


def _links(records: list[str]) -> list[str]:
    return [record.partition("\t")[2] for record in records if record.startswith("160000 ")]


def _declared(git: Git) -> list[str]:
    """Submodules that the worktree's own `.gitmodules` speaks of."""
    if not (git.directory / ".gitmodules").is_file():
        return []
    found = git.run(
        "config", "-z", "--file", ".gitmodules", "--get-regexp", r"^submodule\..*\.path$", check=False
    )
    return [record.partition("\n")[2].rstrip("/") for record in found.split("\0") if record]


def _merge_heads(git: Git, head: str) -> list[str]:
    """What an unfinished merge is to bring in; nothing when a call that was cut has committed it already."""
    assert git.git_dir is not None
    try:
        # an agent can write anything there; what is no commit is refused below
        wanted = (git.git_dir / "MERGE_HEAD").read_text(encoding="ascii", errors="replace").split()
    except FileNotFoundError:
        return []
    return [sha for sha in wanted if not git.ask("merge-base", "--is-ancestor", check_commit(sha), head)]


def _merged_since(git: Git, start: str, head: str) -> bool:
    """Whether a merge was made: it counts as work even if it took every file from one side."""
    return bool(git.line("rev-list", "--merges", "--max-count=1", f"{start}..{head}", "--"))


def _tree(git: Git, commit: str) -> str:
    return git.line("rev-parse", "--verify", f"{commit}^{{tree}}")
