"""Messages on their way into a transcript: in a file without a name, so that a million of them take no memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Self

from maestro_ray.transcript.document import Message


class Spool:
    """Written once, read as often as wanted. The file is gone when it is closed."""

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile("w+", encoding="utf-8", newline="\n")  # noqa: SIM115 - it is closed by `close`
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def extend(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._file.write(message.model_dump_json() + "\n")
            self._count += 1

    def __iter__(self) -> Iterator[Message]:
        self._file.flush()
        self._file.seek(0)
        for line in self._file:
            yield Message.model_validate_json(line)
