"""What maestro writes into a commit: who made it and what it says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from maestro_ray.workspace.git import Git, presentable


@dataclass(frozen=True)
class Identity:
    """Who made a commit; given as author and committer, so that a machine without `user.name` works."""

    name: str
    email: str

    def environment(self) -> dict[str, str]:
        """`GIT_AUTHOR_*` and `GIT_COMMITTER_*`, without the characters that git refuses or silently drops."""
        name = _personal(self.name) or "maestro"
        email = _personal(self.email).replace(" ", "") or "maestro@localhost"
        facts = {"NAME": name, "EMAIL": email}
        return {
            f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in facts.items()
        }


@dataclass(frozen=True)
class CommitMessage:
    """A commit's text, its author and committer, and the trailers that end it (`Maestro-Run: …`)."""

    text: str
    by: Identity
    trailers: Mapping[str, str] = field(default_factory=dict)

    def full(self, git: Git) -> str:
        """The text with its trailers as git takes it: valid UTF-8, no control characters, not empty, cut at 16,000."""
        plain = self.text.encode("utf-8", "replace").decode().replace("\r\n", "\n")
        plain = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", "?", plain).strip()[:16_000] or "(no message)"
        if not self.trailers:
            return plain + "\n"
        if "\n" not in plain and not plain.startswith("#"):
            # a text of one line is a subject, after which git puts them in the same way
            return "\n".join([plain, "", *(_trailer(key, value) for key, value in self.trailers.items()), ""])
        words = [word for key, value in self.trailers.items() for word in ("--trailer", _trailer(key, value))]
        style = ("--no-divider", "--where=end", "--if-exists=addIfDifferent", "--if-missing=add")
        return git.run("-c", "trailer.separators=:", "interpret-trailers", *style, *words, stdin=plain + "\n")


def _trailer(key: str, value: str) -> str:
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9-]*", key), key
    return f"{key}: {presentable(value)}"


def _personal(text: str) -> str:
    plain = re.sub(r"[\x00-\x1f\x7f<>]+", " ", text.encode("utf-8", "replace").decode("utf-8"))
    # git strips these from both ends and then refuses a name of which nothing is left
    return re.sub(r" +", " ", plain).strip(" .,:;<>\"\\'")
