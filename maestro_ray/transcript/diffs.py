"""The diffs of a task, read out of the repository if it is here and has the commits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maestro_ray.errors import MaestroError
from maestro_ray.transcript.discreet import REACH, Discreet
from maestro_ray.workspace.git import Git
from maestro_ray.workspace.refs import is_commit

# of one diff, and of all in one transcript, in characters
LONGEST, MOST = 100_000, 8_000_000

# what a person's configuration and a repository's attributes could change: their programs are not run here
_PLAIN = (
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--no-relative",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


@dataclass(frozen=True)
class Span:
    """From one commit to another, and what that is in words. `parted`: from where the second left the first."""

    what: str
    base: str
    commit: str
    parted: bool = False


def spans(task: Mapping[str, Any], verdicts: Sequence[Mapping[str, Any]]) -> Iterator[Span]:
    """Each version that was judged, as a change to the one before, and in the end what was merged or is yet to be."""
    judged = list(dict.fromkeys(each["commit"] for each in verdicts if each["commit"]))
    base, merged, head = task["base_commit"], task["merged"], task["head"]
    versions = judged if not merged or len(judged) > 1 else []
    for number, commit in enumerate(versions):
        if number:
            yield Span("changed since the version before", versions[number - 1], commit)
        else:
            yield Span("first version that was judged", base, commit, parted=True)
    if merged:
        yield Span("merged", f"{merged}^1", merged)
    elif head and head not in judged:
        yield Span("not judged yet", base, head, parted=True)


class Diffs:
    """Reads them one by one, and less and less: a transcript has room for so much."""

    def __init__(
        self, git: Git | None, discreet: Discreet, *, longest: int = LONGEST, most: int = MOST
    ) -> None:
        """Without a `git` there is no repository to read them from."""
        self._git, self._discreet = git, discreet
        self._longest, self._left = longest, most

    def read(self, span: Span) -> dict[str, Any]:
        """The fields of a `document.Diff`."""
        told = {"what": span.what, "base": span.base, "commit": span.commit}
        if self._git is None:
            return {**told, "missing": "the repository is not here"}
        try:
            base, commit = self._commit(self._git, span.base), self._commit(self._git, span.commit)
            if not base or not commit:
                gone = span.commit if base else span.base
                return {**told, "missing": f"this repository has no commit {gone[:12]}"}
            how = ["--merge-base"] if span.parted else []
            return {**told, "base": base, **self._between(self._git, how, [base, commit])}
        except MaestroError as error:
            return {**told, "missing": self._discreet.hide(str(error))}

    def _commit(self, git: Git, name: str) -> str:
        """Its full name; empty when it is not here. A hash and at most a step back from it, nothing else."""
        if not is_commit(name.removesuffix("^1")):
            return ""
        return git.run("rev-parse", "--verify", "-q", f"{name}^{{commit}}", check=False).strip()

    def _between(self, git: Git, how: Sequence[str], ends: Sequence[str]) -> dict[str, Any]:
        stat = git.run("diff", *_PLAIN, "--shortstat", *how, *ends, "--")
        found = {word: int(number) for number, word in re.findall(r"(\d+) (file|insertion|deletion)", stat)}
        counts = {"files": "file", "insertions": "insertion", "deletions": "deletion"}
        told: dict[str, Any] = {name: found.get(word, 0) for name, word in counts.items()}
        room = min(self._longest, self._left)
        if room <= 0:
            return {**told, "missing": "the transcript is full of diffs"}
        text, size = git.beginning(room + REACH, "diff", *_PLAIN, *how, *ends, "--")
        kept = self._discreet.beginning(text, room)
        self._left -= len(kept)
        return {**told, "patch": {"text": kept, "left_out": max(0, size - room)}}
