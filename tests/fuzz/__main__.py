"""`python -m tests.fuzz TARGET --seconds N`: one target under atheris, which looks for new paths through the code.

`--list` names the targets. A crash leaves its input in the current directory; give it as `--replay FILE` to see it
again, and put it among the target's examples once it is mended.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
from pathlib import Path

ABSENT = "atheris is not installed: python -m pip install 'maestro-ray[fuzz]'"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("target", nargs="?", default="")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--replay", type=Path)
    arguments = parser.parse_args()
    root = Path(__file__).parents[2]
    sys.path[:0] = [str(root), str(root / "tests")]
    if arguments.list or arguments.replay:
        return _without_atheris(arguments)
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write(ABSENT + "\n")
        return 2
    import atheris

    with atheris.instrument_imports(include=["maestro_ray"]):
        from tests.fuzz.targets import TARGETS
    if arguments.target not in TARGETS:
        sys.stderr.write(f"there is no target {arguments.target!r}; see --list\n")
        return 2
    found = TARGETS[arguments.target]
    with tempfile.TemporaryDirectory() as corpus:
        for number, example in enumerate(found.examples):
            (Path(corpus) / f"example-{number}").write_bytes(example)
        options = [
            f"-max_total_time={arguments.seconds}",
            "-max_len=4096",
            "-timeout=20",
            "-verbosity=0",
            corpus,
        ]
        atheris.Setup([sys.argv[0], *options], found.feed)
        atheris.Fuzz()
    return 0


def _without_atheris(arguments: argparse.Namespace) -> int:
    from tests.fuzz.targets import TARGETS

    if arguments.list:
        sys.stdout.write("\n".join(TARGETS) + "\n")
        return 0
    TARGETS[arguments.target].feed(arguments.replay.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
