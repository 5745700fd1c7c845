"""Every benchmark by its name, and the groups that can be asked for as one."""

from __future__ import annotations

OF_STUDIO = (
    "studio.start", "studio.tasks", "studio.fanout", "connections", "studio.history", "studio.merges",
)  # fmt: skip
NAMES = (
    "spawn",
    "cold",
    "cli",
    "memory",
    "channel",
    "recovery",
    "idle",
    "reap",
    "prompt",
    "adapter",
    "output",
    "steer",
    *OF_STUDIO,
)
GROUPS = {"all": NAMES, "studio": OF_STUDIO}
