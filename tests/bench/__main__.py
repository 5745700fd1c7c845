"""`python -m tests.bench NAME [--rounds N] [--json FILE]`: measures maestro and its reference in the same run.

Rounds alternate between the two, because machines are shared and noisy; the table shows medians and 95th percentiles.
`studio` is all that is about Studio, with its comparisons once more in one table at the end.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

sys.path[:0] = [
    str(Path(__file__).parents[1]),
    str(Path(__file__).parents[2]),
    str(Path(__file__).parents[2] / "cli"),
]

from bench.names import GROUPS, NAMES  # noqa: E402 - it lies where only now is looked


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    parser.add_argument("name", choices=[*NAMES, *GROUPS])
    parser.add_argument("--rounds", type=int, default=0, help="by default what the benchmark needs")
    parser.add_argument("--json", default="", metavar="FILE", help="write the samples too")
    arguments = parser.parse_args()
    samples, compared = {}, []
    for name in GROUPS.get(arguments.name, [arguments.name]):
        table = import_module(f"bench.{name}").measure(arguments.rounds)
        print(f"### {name}\n\n{table.text()}\n", flush=True)
        samples[name] = table.samples
        compared += table.compared()
    if arguments.name in GROUPS:
        print("\n".join(["| what | | target | |", "|---|--:|---|---|", *compared]))
    if arguments.json:
        Path(arguments.json).write_text(json.dumps(samples, indent=1))


main()
