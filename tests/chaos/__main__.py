"""`python -m tests.chaos --minutes N --every SECONDS --seed S`: a team works while its processes are killed.

Prints what it does to standard error, and to standard output one line of JSON at the end:
`{kills, kinds, runs_done, stuck, lost, doubled, leaked, worktrees, ...}`. Exit code 1 when one of the last five is not 0.
"""

from __future__ import annotations

import argparse
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

MUST_BE_ZERO = ("stuck", "lost", "doubled", "leaked", "worktrees")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--every", type=float, default=6.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=None, help="by default another each time; it is printed")
    parser.add_argument("--only", default="", metavar="KIND,…", help="kill only these kinds of process")
    arguments = parser.parse_args()
    seed = random.randrange(2**32) if arguments.seed is None else arguments.seed
    from chaos.soak import soak

    with tempfile.TemporaryDirectory(prefix="chaos-", dir="/tmp") as directory:
        kinds = [kind for kind in arguments.only.split(",") if kind]
        found = soak(Path(directory), arguments.minutes * 60, arguments.every, seed, kinds)
    print(json.dumps(found))
    sys.exit(any(found[name] for name in MUST_BE_ZERO))


if __name__ == "__main__":
    main()
