"""PNG files made small: a picture of a page has few colours, and Chromium writes it as if it had all of them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

MAGIC = b"\x89PNG\r\n\x1a\n"
# colours are told apart to this many levels a channel, which no eye sees in text on a plain ground
LEVELS = 32


def shrink(path: Path) -> None:
    """Write the picture again with a palette of at most 256 colours."""
    width, height, pixels = read(path.read_bytes())
    palette, indexed = _indexed(pixels)
    rows = b"".join(b"\0" + indexed[y * width : (y + 1) * width] for y in range(height))
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"PLTE", palette), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    path.write_bytes(MAGIC + b"".join(_chunk(kind, data) for kind, data in chunks))


def read(data: bytes) -> tuple[int, int, bytes]:
    """Width, height, and three bytes a pixel. Raises `ValueError` for what is no PNG as Chromium writes it."""
    if data[:8] != MAGIC:
        raise ValueError("no PNG")
    at, body, header = 8, b"", b""
    while at < len(data):
        (length,), kind = struct.unpack(">I", data[at : at + 4]), data[at + 4 : at + 8]
        piece = data[at + 8 : at + 8 + length]
        header = piece if kind == b"IHDR" else header
        body += piece if kind == b"IDAT" else b""
        at += 12 + length
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    if depth == 8 and colour == 3:
        raise ValueError("it is small already")
    if depth != 8 or colour not in (2, 6) or interlaced:
        raise ValueError("another kind of PNG")
    return width, height, _unfiltered(zlib.decompress(body), width, height, 3 if colour == 2 else 4)


def _unfiltered(raw: bytes, width: int, height: int, size: int) -> bytes:
    stride, before, rows = width * size, bytearray(width * size), []
    for y in range(height):
        start = y * (stride + 1)
        line = bytearray(raw[start + 1 : start + 1 + stride])
        _unfilter(raw[start], line, before, size)
        before = line
        rows.append(bytes(line) if size == 3 else b"".join(line[x : x + 3] for x in range(0, stride, 4)))
    return b"".join(rows)


def _unfilter(kind: int, line: bytearray, above: bytearray, size: int) -> None:
    for x in range(len(line)):
        left, up = line[x - size] if x >= size else 0, above[x]
        corner = above[x - size] if x >= size else 0
        if kind:
            line[x] = (line[x] + (left, up, (left + up) // 2, _paeth(left, up, corner))[kind - 1]) & 255


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    return min((left, up, corner), key=lambda each: abs(guess - each))


def _indexed(pixels: bytes) -> tuple[bytes, bytes]:
    """The most common colours, and for each pixel the nearest of them."""
    counted: dict[bytes, int] = {}
    colours = [pixels[at : at + 3] for at in range(0, len(pixels), 3)]
    for colour in colours:
        counted[colour] = counted.get(colour, 0) + 1
    common = sorted(counted, key=counted.__getitem__, reverse=True)
    kept: dict[tuple[int, ...], bytes] = {}
    for colour in common:
        kept.setdefault(tuple(part * LEVELS // 256 for part in colour), colour)
    palette = list(kept.values())[:256]
    nearest = {colour: _nearest(colour, palette) for colour in counted}
    return b"".join(palette), bytes(nearest[colour] for colour in colours)


def _nearest(colour: bytes, palette: list[bytes]) -> int:
    return min(
        range(len(palette)), key=lambda n: sum((a - b) ** 2 for a, b in zip(colour, palette[n], strict=True))
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
