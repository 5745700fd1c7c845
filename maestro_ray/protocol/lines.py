"""Newline-delimited framing for the local line, split anywhere."""

from __future__ import annotations

from maestro_ray.errors import BadFrame

LONGEST_LINE = 8 * 1024 * 1024


class LineSplitter:
    """Cuts a stream of bytes into lines of at most `limit` bytes.

    A longer line is reported once, as soon as it is too long, and skipped up to its newline; what comes after is
    read as usual. At most `limit` bytes are ever kept.
    """

    def __init__(self, limit: int = LONGEST_LINE) -> None:
        self._limit = limit
        self._kept = bytearray()
        self._skipping = False

    def feed(self, data: bytes) -> list[bytes | BadFrame]:
        """The lines that `data` completes, in order and never empty; a `BadFrame` in the place of a too long one."""
        *ends, rest = data.split(b"\n")
        lines: list[bytes | BadFrame] = []
        for end in ends:
            lines += self._keep(end)
            lines += self._finish()
        return lines + self._keep(rest)

    def end(self) -> BadFrame | None:
        """Call at the end of the stream: a last line without its newline was cut off and must not be used."""
        cut, self._skipping = self._kept.strip(), False
        self._kept.clear()
        return BadFrame(f"the last line was cut off after {len(cut)} bytes") if cut else None

    def _keep(self, piece: bytes) -> list[bytes | BadFrame]:
        if self._skipping:
            return []
        if len(self._kept) + len(piece) > self._limit:
            self._kept.clear()
            self._skipping = True
            return [BadFrame(f"a line is longer than {self._limit} bytes")]
        self._kept += piece
        return []

    def _finish(self) -> list[bytes | BadFrame]:
        line = bytes(self._kept.strip(b" \t\r"))
        self._kept.clear()
        self._skipping = False
        return [line] if line else []
