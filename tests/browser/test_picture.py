from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from .picture import MAGIC, _chunk, read, shrink


def png(width: int, rows: list[bytes], *, colour: int = 2) -> bytes:
    header = struct.pack(">IIBBBBB", width, len(rows), 8, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return MAGIC + b"".join(_chunk(kind, data) for kind, data in chunks)


@pytest.mark.parametrize(
    "second",
    [b"\0" + bytes([9, 8, 7, 6, 5, 4]), b"\1" + bytes([9, 8, 7, 253, 253, 253]), b"\2" + bytes([8, 6, 4, 2, 0, 254]),
     b"\3" + bytes([9, 7, 6, 0, 255, 254]), b"\4" + bytes([8, 6, 4, 253, 253, 253])],
    ids=["none", "sub", "up", "average", "paeth"],
)  # fmt: skip
def test_every_filter_is_undone(second: bytes) -> None:
    first = bytes([1, 2, 3, 4, 5, 6])
    width, height, pixels = read(png(2, [b"\0" + first, second]))
    assert (width, height, pixels[:6]) == (2, 2, first)
    assert pixels[6:] == bytes([9, 8, 7, 6, 5, 4])


def test_a_picture_is_written_with_a_palette(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    row = b"\0" + bytes([255, 255, 255, 255] * 300 + [0, 0, 0, 255] * 300)
    path.write_bytes(png(600, [row] * 200, colour=6))
    shrink(path)
    data = path.read_bytes()
    assert data[25] == 3
    assert len(data) < 1000
    with pytest.raises(ValueError, match="small already"):
        read(data)
