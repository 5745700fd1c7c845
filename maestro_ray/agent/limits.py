"""What one run may use of this machine at most, and what of that can be kept here."""

from __future__ import annotations

import os
import resource
from collections.abc import Mapping

from maestro_ray.agent import cgroup
from maestro_ray.limits_table import LimitsTable

# seconds between the signal that a program may heed and the one that it cannot
CPU_GRACE = 2

# key of the table -> the kernel's name for it
_OF_A_PROCESS: Mapping[str, int] = {
    "data": resource.RLIMIT_DATA,
    "cpu": resource.RLIMIT_CPU,
    "open_files": resource.RLIMIT_NOFILE,
    "file_size": resource.RLIMIT_FSIZE,
}
# what needs a cgroup -> its controller and the file that sets it
_OF_THE_TREE: Mapping[str, tuple[str, str]] = {
    "memory": ("memory", "memory.max"),
    "processes": ("pids", "pids.max"),
}


def controllers(limits: LimitsTable) -> frozenset[str]:
    """Which controllers of a cgroup would keep these limits."""
    return frozenset(name for key, (name, _) in _OF_THE_TREE.items() if getattr(limits, key))


def settings(limits: LimitsTable, available: frozenset[str]) -> list[str]:
    """`FILE VALUE` for each that a cgroup with these controllers keeps."""
    return [
        f"{file} {getattr(limits, key)}"
        for key, (name, file) in _OF_THE_TREE.items()
        if name in available and getattr(limits, key)
    ]


def of_each_process(limits: LimitsTable, available: frozenset[str]) -> list[tuple[int, int, int]]:
    """`(resource, soft, hard)` as for `setrlimit`; the tree inherits them. There is never a core file.

    The number of processes is one of them only without a cgroup for it: the kernel counts all of the user's then.
    """
    found = {number: getattr(limits, key) for key, number in _OF_A_PROCESS.items() if getattr(limits, key)}
    if limits.processes and "pids" not in available:
        found[resource.RLIMIT_NPROC] = limits.processes
    asked = [(resource.RLIMIT_CORE, 0, 0)]
    for number, value in found.items():
        asked.append((number, value, value + CPU_GRACE if number == resource.RLIMIT_CPU else value))
    return [_possible(*each) for each in asked]


def apply(limits: LimitsTable) -> None:
    """To this process and all that come from it, as far as no cgroup is needed. For a program that no shim starts."""
    for number, soft, hard in of_each_process(limits, frozenset({"pids"})):
        resource.setrlimit(number, (soft, hard))


def not_kept(limits: LimitsTable) -> dict[str, str]:
    """Key of the table -> why nothing keeps this limit here, or keeps it in another way than one thinks."""
    _, available = cgroup.place(controllers(limits))
    found = {}
    if limits.memory and "memory" not in available:
        found["memory"] = (
            "no cgroup with the memory controller can be made here; `data` limits single processes"
        )
    if limits.processes and "pids" not in available:
        whose = (
            "and root may have any number"
            if os.geteuid() == 0
            else "so all processes and threads of your user count together"
        )
        found["processes"] = f"no cgroup with the pids controller can be made here, {whose}"
    return found


def reached(key: str, limits: LimitsTable) -> str:
    """The sentence about a run that met this limit."""
    value = getattr(limits, key)
    match key:
        case "cpu":
            what = f"{value} seconds of processor"
        case "memory":
            what = f"{_size(value)} of memory"
        case "file_size":
            what = f"{_size(value)} for a file"
        case "time":
            what = f"{value} seconds for a turn"
        case _:
            what = f"{value} processes"
    return f"it reached its limit of {what} ([agents.limits] {key})"


def _size(value: int) -> str:
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if value % factor == 0:
            return f"{value // factor} {unit}"
    return f"{value} bytes"


def _possible(number: int, soft: int, hard: int) -> tuple[int, int, int]:
    """Nobody but root may raise what was handed down to this process."""
    _, most = resource.getrlimit(number)
    return (
        (number, soft, hard) if most == resource.RLIM_INFINITY else (number, min(soft, most), min(hard, most))
    )
