"""`python -m tests.chaos --minutes N --every SECONDS --seed S`: a team works while its processes are killed.

Prints what it does to standard error, and to standard output one line of JSON at the end:
`{kills, kinds, runs_done, stuck, lost, doubled, broken, leaked, worktrees, ...}`. Exit code 1 when one of the last six is
not 0. With `--work goals` the team goes through planning, budgets, permissions, several reviewers, hooks and steering.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import random
import sys
import tempfile
from pathlib import Path

if __name__ == "__main__":
    sys.path[:0] = [
        str(Path(__file__).parents[1]),
        *(str(Path(__file__).parents[2] / name) for name in (".", "cli")),
    ]

MUST_BE_ZERO = ("stuck", "lost", "doubled", "broken", "leaked", "worktrees")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--every", type=float, default=6.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=None, help="by default another each time; it is printed")
    parser.add_argument("--only", default="", metavar="KIND,…", help="kill only these kinds of process")
    parser.add_argument(
        "--work", choices=["plans", "goals"], default="plans", help="what the teams are given"
    )
    parser.add_argument("--keep", default="", metavar="DIR", help="work there, and leave everything there")
    arguments = parser.parse_args()
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    from chaos.goals import Goals
    from chaos.soak import soak
    from chaos.work import Work

    kinds = [kind for kind in arguments.only.split(",") if kind]
    work = Goals.on if arguments.work == "goals" else Work.on
    with contextlib.ExitStack() as stack:
        place = arguments.keep or stack.enter_context(
            tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp")
        )
        found = soak(Path(place), arguments.minutes * 60, arguments.every, seed, kinds, work)
    print(json.dumps(found))
    sys.exit(any(found[name] for name in MUST_BE_ZERO))


if __name__ == "__main__":
    main()
