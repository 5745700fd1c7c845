"""Every target holds for its examples, for mutations of them and for bytes by chance, a second or two each."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
from absent import absent
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]

# what parsers stumble over
_ODD = (b"\0", b"\n", b'"', b"\\", b"{", b"[", b"}", b"\xff", b"\xed\xa0\x80", b"\xe2\x80\xa8", b"9" * 400, b"1e999",
        b"[" * 200, b"\\u0000", b"\\ud800", b"=", b"#", b"'", b"\r", b"\x1b[", b"../", b"@", b":", b"%", b"-")  # fmt: skip


@st.composite
def mutations(draw: st.DrawFn, examples: tuple[bytes, ...]) -> bytes:
    """A valid input with a few cuts, repeats and odd bytes in it."""
    data = draw(st.sampled_from(examples))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 40)))
        fresh = draw(
            st.one_of(
                st.just(b""), st.just(data[start:end] * 2), st.sampled_from(_ODD), st.binary(max_size=6)
            )
        )
        data = data[:start] + fresh + data[end:]
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_what_is_documented_is_raised(name: str) -> None:
    found = TARGETS[name]

    @settings(max_examples=300, deadline=None, database=None)
    @given(mutations(found.examples) | st.binary(max_size=200))
    def fuzz(data: bytes) -> None:
        found.feed(data)

    fuzz()


@pytest.mark.parametrize("name", TARGETS)
def test_the_examples_are_fed_whole(name: str) -> None:
    for example in TARGETS[name].examples:
        TARGETS[name].feed(example)


def test_a_target_that_lets_something_out_is_noticed() -> None:
    """The test above would be green for ever if it could not fail."""

    def weak(data: bytes) -> None:
        assert b"\xff" not in data

    TARGETS["weak"] = Target(weak, (b"fine",))
    try:
        with pytest.raises(AssertionError):
            test_nothing_but_what_is_documented_is_raised("weak")
    finally:
        del TARGETS["weak"]


def _run(*words: str) -> subprocess.CompletedProcess[str]:
    code = [sys.executable, "-m", "tests.fuzz", *words]
    return subprocess.run(code, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100)


def test_the_list_is_the_list() -> None:
    assert _run("--list").stdout.split() == list(TARGETS)


def test_atheris_runs_a_target(tmp_path: Path) -> None:
    if importlib.util.find_spec("atheris") is None:
        done = _run("strict-json", "--seconds", "1")
        assert (done.returncode, "not installed" in done.stderr) == (2, True)
        absent("atheris is not installed")
    done = _run("strict-json", "--seconds", "2")
    assert done.returncode == 0, done.stderr[-2000:]
