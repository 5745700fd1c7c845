"""The `[agents.limits]` table: what one run may use at most."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from maestro_ray.toml import Table

LARGEST_LIMIT = (1 << 62) - 1
# what agents cannot run with at all is a mistake and not a limit
LEAST = {"memory": 1 << 20, "data": 1 << 20, "open_files": 16}

_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclass(frozen=True)
class LimitsTable:
    """What each run may use at most, 0 for no limit.

    `memory` (bytes) and `processes` are about its whole tree, `time` (seconds) about each of its turns, the others
    about each of its processes: `data` and `file_size` in bytes, `cpu` in seconds of processor.
    """

    memory: int = 0
    processes: int = 0
    data: int = 0
    cpu: int = 0
    open_files: int = 0
    file_size: int = 0
    # an agent that never ends would hold its task for ever
    time: int = 6 * 3600


def read_limits(table: Table) -> LimitsTable:
    """Raises `ConfigError`."""
    keys = [each.name for each in fields(LimitsTable)]
    table.only(*keys)
    found = {key: _limit(table, key) for key in keys if key in table}
    return LimitsTable(**found)


def _limit(table: Table, key: str) -> int:
    sized = key in ("memory", "data", "file_size")
    value = _size(table, key) if sized and isinstance(table.raw(key), str) else _count(table, key)
    if value > LARGEST_LIMIT:
        raise table.mistake(f"{key!r} is more than any machine has", key)
    if 0 < value < (least := LEAST.get(key, 1)):
        raise table.mistake(f"{key!r} is at least {least}: nothing runs with less", key)
    return value


def _size(table: Table, key: str) -> int:
    word = re.fullmatch(r"(\d{1,15}) ?([KMGT]?)(iB|B)?", table.text(key))
    if word is None:
        raise table.mistake(f'{key!r} is a number of bytes, or a text such as "512M" or "2G"', key)
    return int(word[1]) * _SIZES[word[2]]


def _count(table: Table, key: str) -> int:
    value = table.whole(key, 0)
    if value < 0:
        raise table.mistake(f"{key!r} cannot be negative", key)
    return value
