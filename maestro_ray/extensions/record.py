"""A small JSON file of maestro's own in the state directory, changed by one at a time and never half written."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from maestro_ray.errors import BadFrame, ConfigError, NotWritable
from maestro_ray.protocol import strictjson
from maestro_ray.small_file import MOST, put_small, read_small

Entries = dict[str, dict[str, Any]]


def read_record(path: Path) -> Entries:
    """Its entries by name; none when there is no file. Raises `ConfigError` for what is no such file."""
    try:
        found = strictjson.parse(read_small(path))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, BadFrame) as error:
        raise ConfigError(
            str(path), 1, 1, f"cannot be read: {error}", "what it says is lost; remove it"
        ) from error
    if not isinstance(found, dict) or not all(isinstance(each, dict) for each in found.values()):
        raise ConfigError(str(path), 1, 1, "it is not maestro's", "what it says is lost; remove it")
    return found


def change_record(path: Path, change: Callable[[Entries], None]) -> None:
    """Change the entries in place, alone. Raises `NotWritable`, and `ConfigError` as `read_record` does."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_WRONLY | os.O_CREAT, 0o600)
        with open(lock, "w") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            entries = read_record(path)
            change(entries)
            fresh = json.dumps(entries, indent=1, sort_keys=True).encode() + b"\n"
            if len(fresh) > MOST:
                raise NotWritable(str(path), f"it would be larger than {MOST} bytes, and not be read again")
            put_small(path, fresh)
    except OSError as error:
        raise NotWritable(str(path), error.strerror or str(error)) from error
