"""A program's settings as JSON: the person's own, with ours where they say nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from maestro_ray.small_file import read_small


def laid_under(own: Path, ours: bytes) -> bytes | None:
    """The whole file. None when the person's own is there and is no plain JSON: then it is better taken as it is."""
    try:
        theirs = json.loads(read_small(own, follow=True))
    except FileNotFoundError:
        return ours
    except (OSError, ValueError, RecursionError):
        return None
    return json.dumps(_merged(json.loads(ours), theirs)).encode() if isinstance(theirs, dict) else None


def _merged(ours: Any, theirs: Any) -> Any:
    """What is the person's counts; tables are gone into, and lists are joined."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        both = {name: _merged(ours[name], theirs[name]) for name in ours.keys() & theirs.keys()}
        return {**ours, **theirs, **both}
    if isinstance(ours, list) and isinstance(theirs, list):
        return [*theirs, *(each for each in ours if each not in theirs)]
    return theirs
