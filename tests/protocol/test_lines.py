from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import BadFrame
from maestro_ray.protocol.lines import LONGEST_LINE, LineSplitter


def words(lines: list[bytes | BadFrame]) -> list[bytes | str]:
    return [str(line) if isinstance(line, BadFrame) else line for line in lines]


def test_lines_come_out_when_their_newline_does() -> None:
    lines = LineSplitter()

    assert lines.feed(b'{"a"') == []
    assert lines.feed(b":1}\n{}\r\n\n  \n{") == [b'{"a":1}', b"{}"]
    assert lines.feed(b"}\n") == [b"{}"]


def test_a_line_over_the_limit_is_reported_once_and_the_next_one_is_read() -> None:
    lines = LineSplitter(limit=8)

    assert words(lines.feed(b"123456789")) == ["bad frame: a line is longer than 8 bytes"]
    assert lines.feed(b"more of it") == []
    assert lines.feed(b" and its end\n12345678\n") == [b"12345678"]


def test_a_too_long_line_keeps_its_place_between_good_ones() -> None:
    lines = LineSplitter(limit=4)

    assert words(lines.feed(b"one\nlonger\ntwo\n")) == [
        b"one",
        "bad frame: a line is longer than 4 bytes",
        b"two",
    ]


def test_a_last_line_without_newline_is_a_cut() -> None:
    lines = LineSplitter(limit=8)

    assert lines.end() is None
    lines.feed(b"12345")
    cut = lines.end()
    assert str(cut) == "bad frame: the last line was cut off after 5 bytes"
    assert lines.end() is None
    lines.feed(b"123456789")
    assert lines.end() is None
    assert lines.feed(b"ok\n") == [b"ok"]


def test_eight_mebibytes_are_the_default() -> None:
    lines = LineSplitter()

    assert LONGEST_LINE == 8_388_608
    assert len(lines.feed(b"x" * LONGEST_LINE + b"\n")) == 1
    assert (
        words(lines.feed(b"x" * (LONGEST_LINE + 1)))[0]
        == f"bad frame: a line is longer than {LONGEST_LINE} bytes"
    )


@given(st.lists(st.binary(max_size=12), max_size=8), st.lists(st.integers(0, 100), max_size=8))
def test_where_the_stream_is_split_changes_nothing(pieces: list[bytes], cuts: list[int]) -> None:
    stream = b"\n".join(pieces) + b"\n"
    whole = words(LineSplitter(limit=6).feed(stream))

    split, found, at = LineSplitter(limit=6), [], 0
    for cut in [*sorted(min(cut, len(stream)) for cut in cuts), len(stream)]:
        found += words(split.feed(stream[at:cut]))
        at = cut

    assert found == whole
