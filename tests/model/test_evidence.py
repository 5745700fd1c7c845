from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.model.evidence import counts, summary


@pytest.mark.parametrize(
    ("output", "found"),
    [
        ("", {}),
        ("no numbers here", {}),
        ("12 passed in 0.10s", {"passed": 12}),
        ("===== 3 failed, 12 passed in 0.12s =====", {"failed": 3, "passed": 12}),
        ("= 1 failed, 2 passed, 3 skipped, 4 deselected, 5 xfailed, 6 xpassed, 7 warnings, 8 errors in 1s =",
         {"failed": 1, "passed": 2, "skipped": 3, "deselected": 4, "xfailed": 5, "xpassed": 6,
          "warning": 7, "error": 8}),
        ("1 error in 0.05s", {"error": 1}),
        ("== 2 xfailed in 0.05s ==", {"xfailed": 2}),
        ("== 5 deselected in 0.01s ==", {"deselected": 5}),
        ("a.py .F\n1 failed, 1 passed in 1s\nagain\n2 passed in 1s\n", {"passed": 2}),
        ("the 3 passed the ball", {}),
        ("version 1.2 passed", {}),
        ("9" * 4400 + " passed", {}),
        ("9" * 4400 + " failed, 3 passed", {"passed": 3}),
    ],
)  # fmt: skip
def test_the_numbers_of_the_closing_line(output: str, found: dict[str, int]) -> None:
    assert counts(output) == found


@pytest.mark.parametrize(
    "text", ["\n" * 300_000, "=" * 300_000, "1" * 300_000, " 1 passed" * 30_000, "= \n" * 100_000]
)
def test_endless_output_takes_linear_time(text: str) -> None:
    started = time.process_time()
    counts(text)
    assert time.process_time() - started < 10.0


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=100))
def test_any_output_has_counts(output: str) -> None:
    assert all(number >= 0 for number in counts(output).values())


def test_a_line_for_a_person() -> None:
    found = {"command": "pytest -q", "exit_code": 1, "counts": {"failed": 3, "passed": 12}}
    assert summary(found) == "`pytest -q` exited with 1: 3 failed, 12 passed"
    assert summary({"command": "make", "exit_code": 0, "counts": {}}) == "`make` exited with 0"
    assert summary({"command": "make", "exit_code": None, "counts": {}}) == "`make` was run by an agent"
