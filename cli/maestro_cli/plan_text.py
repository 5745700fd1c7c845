"""The text of a plan, from a file or from standard input, and never more of it than a plan can be."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path
from typing import Any

from maestro_ray.errors import UsageError

# written out for the daemon it shares a line, which holds twice as much, with the rest of the request
LARGEST = 4 * 1024 * 1024


def read_plan(name: str, directory: Path) -> str:
    """The text of the file, or of standard input for `-`. Raises `UsageError`."""
    data = _standard_input() if name == "-" else _file(directory / name)
    if len(data) > LARGEST:
        raise UsageError(
            f"the plan {name} is larger than {LARGEST} bytes", "split the work into several plans"
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise UsageError(
            f"the plan {name} is not a text in UTF-8: byte {error.start} is {data[error.start]:#04x}",
            "save it as UTF-8",
        ) from error


def sized(plan: dict[str, Any]) -> dict[str, Any]:
    """The plan, when a message can hold it. Raises `UsageError`."""
    if len(json.dumps(plan)) > LARGEST:
        raise UsageError(
            f"the plan is larger than {LARGEST} bytes when every key is written out",
            "split the work into several plans",
        )
    return plan


def _standard_input() -> bytes:
    return sys.stdin.buffer.read(LARGEST + 1) if sys.stdin else b""


def _file(path: Path) -> bytes:
    try:
        # a pipe that nobody writes to must not be waited for
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError(
                    f"the plan {path} is not a regular file", "`--plan -` reads the plan from standard input"
                )
            return file.read(LARGEST + 1)
    except IsADirectoryError as error:
        raise UsageError(f"the plan {path} is a directory", "name the plan file in it") from error
    except OSError as error:
        hint = "a path is taken from where you are, or from -C; docs/reference/plan-file.md shows a plan"
        raise UsageError(f"the plan {path} cannot be read: {error.strerror}", hint) from error
