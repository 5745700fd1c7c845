from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .neutral import Neutral, as_lines
from .record import STREAMS

FIRST = "0a1b2c3d-0000-7000-8000-00000000000f"


def neutral() -> Neutral:
    return Neutral({Path("/tmp/x1/repo"): "/worktree"})


def test_paths_are_those_of_nobody():
    assert neutral().line({"cwd": "/tmp/x1/repo/a", "slug": "-tmp-x1-repo"}) == {
        "cwd": "/worktree/a",
        "slug": "-worktree",
    }


def test_what_was_one_thing_stays_one_thing():
    one, other = FIRST, FIRST.replace("f", "e")
    line = neutral().line({"id": one, "next": other, "again": f"({one})"})

    assert line["again"] == f"({line['id']})"
    assert line["next"] != line["id"]
    assert one not in str(line)


def test_opencodes_numbers_keep_their_kind():
    made = "ses_dfa6267edffeybSOxQTbfqJK7Y"
    assert neutral().text(made) == "ses_00000000000000000000000001"


def test_times_and_spans_are_no_time():
    line = {"at": "2026-11-22T23:20:08.047Z", "made": 1795390267898, "duration_ms": 93, "tokens": 220}
    assert neutral().line(line) == {
        "at": "2026-01-01T00:00:00.000Z", "made": 1_000_000_000, "duration_ms": 1, "tokens": 220,
    }  # fmt: skip


def test_other_values_stay():
    line = {"ok": True, "nothing": None, "cost": 0.0012, "pid": "41", "list": ["a", 2]}
    assert neutral().line(line) == line | {"pid": "pid-1"}


def test_of_what_could_be_asked_besides_one_is_kept():
    assert neutral().line({"availableCommands": [{"name": "a"}, {"name": "b"}]}) == {
        "availableCommands": [{"name": "a"}]
    }


def test_a_line_each():
    assert as_lines([{"a": "ä"}, {}]) == '{"a": "ä"}\n{}\n'


@pytest.mark.parametrize(
    "path", sorted(STREAMS.rglob("*.*")), ids=lambda path: f"{path.parent.name}/{path.name}"
)
def test_what_is_recorded_belongs_to_no_machine(path):
    text = path.read_text()

    assert not re.search(r"/tmp/(tmp|pytest|h/)|(?<!bunfs)/root\b|127\.0\.0\.1:(?!1\b)\d", text)
    if path.suffix == ".jsonl":
        assert all(json.loads(line) for line in text.splitlines())
