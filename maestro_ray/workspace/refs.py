"""Names of branches and commits, checked before git sees them."""

from __future__ import annotations

import re
from pathlib import Path

from maestro_ray.errors import UsageError

# git-check-ref-format(1), rules 1 to 10 in its order
_FORBIDDEN = re.compile(
    r"(^|/)\.|\.lock(/|$)"  # 1 a component begins with a dot or ends with .lock
    r"|\.\."  # 3
    r"|[\x00-\x20\x7f~^:]"  # 4
    r"|[?*\[]"  # 5
    r"|^/|/$|//|^$"  # 6
    r"|\.$"  # 7
    r"|@\{"  # 8
    r"|^@$"  # 9
    r"|\\"  # 10
)


def check_ref(name: str) -> str:
    """The name, when git would take it for a branch or ref; a leading dash would be read as an option."""
    if _FORBIDDEN.search(name) or name.startswith("-"):
        raise UsageError(
            f"{name!r} is not a name that git allows for a branch", "see `git check-ref-format --help`"
        )
    return name


def branch_ref(name: str) -> str:
    """`refs/heads/NAME` of a branch given with or without that prefix."""
    short = name.removeprefix("refs/heads/")
    if short == "HEAD":
        raise UsageError("'HEAD' is not the name of a branch", "name the branch itself")
    return f"refs/heads/{check_ref(short)}"


def is_commit(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", text) is not None


def loose(common_dir: Path, ref: str) -> str:
    """The commit of a ref that has a file of its own; empty for one that is packed, symbolic, kept elsewhere or not
    there. To ask git takes a hundred times as long."""
    path = common_dir / ref
    try:
        text = "" if path.is_symlink() else path.read_text(encoding="ascii").removesuffix("\n")
    except (OSError, ValueError):
        return ""
    return text if is_commit(text) else ""


def check_commit(sha: str) -> str:
    """The full hash, 40 (SHA-1) or 64 (SHA-256) lower-case hex digits; nothing shorter names a commit for good."""
    if not is_commit(sha):
        raise UsageError(f"{sha!r} is not a full commit hash", "give all 40 (or 64) hex digits")
    return sha


def nothing(sha: str) -> str:
    """The hash that stands for "no commit" in the same format as `sha`."""
    return "0" * len(sha)
