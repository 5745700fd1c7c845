"""`prompt`: the section about fifty skills, found on disk, read and told, as at every start of a run."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.table import Table

from maestro_ray.extensions.places import Surroundings
from maestro_ray.extensions.skills import section_of_all

SKILLS = 50
_TEXT = (
    "---\nname: skill-{0}\ndescription: {1}\nlicense: MIT\nmetadata:\n  author: x\n---\n# What to do\n{2}\n"
)


def measure(rounds: int) -> Table:
    table = Table("ms")
    with tempfile.TemporaryDirectory(prefix="b-", dir="/tmp") as directory:
        repo = Path(directory)
        (repo / ".git").mkdir()
        (repo / ".git/HEAD").touch()
        for number in range(SKILLS):
            folder = repo / ".claude/skills" / f"skill-{number}"
            folder.mkdir(parents=True)
            words = "Use it when a file of this kind has to be read or written. " * 4
            (folder / "SKILL.md").write_text(
                _TEXT.format(number, words, "One thing after the other.\n" * 200)
            )
        where = Surroundings(repo, repo / "home")
        assert section_of_all(where).count("\n- skill-") == SKILLS  # and yaml is imported
        for _ in range(rounds or 50):
            table.add("read the files", _timed(lambda: [each.read_text() for each in repo.rglob("SKILL.md")]))
            table.add("50 skills", _timed(lambda: section_of_all(where)))
    table.more("50 skills", "read the files", "≤ 20")
    return table


def _timed(work: object) -> float:
    began = time.perf_counter()
    work()  # type: ignore[operator]
    return (time.perf_counter() - began) * 1000
