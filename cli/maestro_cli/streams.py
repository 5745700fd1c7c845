"""The standard streams: a closed pipe, a full disk and a poor encoding are foreseen here for all who print."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

from maestro_ray.errors import OutputFailed


class ReaderGone(Exception):
    """Whoever read our output has seen enough. No `OSError`, for libraries make of those what they like."""


class Output(io.TextIOWrapper):
    """A stream whose failures are `ReaderGone` and `OutputFailed`, and which can hold any text."""

    def write(self, text: str) -> int:
        try:
            return super().write(text)
        except OSError as error:
            raise self._failed(error) from error

    def flush(self) -> None:
        try:
            super().flush()
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> Exception:
        # what is still buffered must not fail again when the program ends
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self.fileno())
        os.close(nowhere)
        return (
            ReaderGone() if isinstance(error, BrokenPipeError) else OutputFailed(error.strerror or str(error))
        )


def prepare() -> None:
    """Once, before anything else is opened: a closed standard stream would be the next file's number."""
    while (number := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(number)
    sys.stdout, sys.stderr = safe(sys.stdout), safe(sys.stderr)


def safe(stream: TextIO | None) -> TextIO:
    """The stream, or one that leads nowhere in the place of a closed one."""
    if not isinstance(stream, io.TextIOWrapper):
        return Output(io.FileIO(os.devnull, "w"), encoding="utf-8")
    encoding, lines = stream.encoding, stream.line_buffering
    return Output(stream.detach(), encoding, errors="backslashreplace", line_buffering=lines)
