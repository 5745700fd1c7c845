"""`channel`: a durable post until eight readers have it, posts a second, and what a slow reader costs the others."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

from bench.reference import ask_all, raw_ray
from bench.table import Table

DRIVER = Path(__file__).with_name("channel_driver.py")
POSTS = 8000


def measure(rounds: int) -> Table:
    table = Table("ms, or posts/s")
    with (
        tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory,
        raw_ray(Path(directory) / "r", DRIVER) as driver,
    ):
        for _ in range(rounds or 5):
            for name, command in (
                ("a Ray call fanned out to 8 actors", "latency raw"),
                ("a durable post seen by 8 actors", "latency ours"),
                ("the same beside 10,000 messages all have taken", "crowd fast"),
                ("the same beside 10,000 messages one has not taken", "crowd slow"),
            ):
                samples = ask_all(driver, command)
                table.add(name, statistics.median(samples))
                table.add(f"{name}, p95", sorted(samples)[int(0.95 * len(samples))])
            count = POSTS if rounds != 1 else 800
            table.add("posts/s, a bare actor", ask_all(driver, f"rate bare {count}")[0])
            table.add("posts/s, the channel", ask_all(driver, f"rate ours {count}")[0])
    table.ratio("a durable post seen by 8 actors", "a Ray call fanned out to 8 actors", "≤ 1.2")
    table.ratio("a durable post seen by 8 actors, p95", "a Ray call fanned out to 8 actors, p95", "≤ 2")
    table.ratio("posts/s, the channel", "posts/s, a bare actor", "≥ 0.6")
    table.ratio(
        "the same beside 10,000 messages one has not taken",
        "the same beside 10,000 messages all have taken",
        "≤ 1.25",
    )
    return table
