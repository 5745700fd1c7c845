"""SECURITY.md names code and tests that are there: a promise without its test is none."""

from __future__ import annotations

import re

import pytest

from .markdown import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
ROWS = [
    line for line in TEXT.partition("## Defaults")[2].splitlines() if line.startswith("| ") and "`" in line
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.split("|")[1].strip())
def test_a_promise_has_its_code_and_its_test(row: str) -> None:
    _, _, code, tests, _ = row.split("|")
    for name in re.findall(r"`([^`]+)`", code):
        place = name if name.startswith(("cli/", "tests/")) else f"maestro_ray/{name}"
        assert (ROOT / place).is_file(), name
    found = re.findall(r"`([^`]+)`", tests)
    assert found
    for name in found:
        path, _, test = name.partition("::")
        assert (
            re.search(rf"\bdef {test}\b", (ROOT / path).read_text()) if test else (ROOT / path).is_file()
        ), name


def test_there_are_promises() -> None:
    assert len(ROWS) > 25
