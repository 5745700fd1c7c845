"""The last words of a process: the error that nobody caught, on standard error, without the secrets in it."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from types import TracebackType

from maestro_ray.redaction import Secrets, redact


def discreet() -> None:
    """From now on they are. Standard error is a log file mostly, and else a terminal whose text is sent to others."""
    sys.excepthook = _tell
    threading.excepthook = _tell_of_thread


def _tell(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    text = "".join(traceback.format_exception(kind, error, where))
    sys.stderr.write(redact(text, Secrets.of(os.environ)))


def _tell_of_thread(words: threading.ExceptHookArgs) -> None:
    if words.exc_value is not None and words.exc_type is not SystemExit:
        _tell(words.exc_type, words.exc_value, words.exc_traceback)
