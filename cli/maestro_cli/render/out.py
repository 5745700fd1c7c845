"""Where output goes: one JSON object for programs, text for people, errors in their own form."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from typing import Any

from maestro_cli import invocation
from maestro_ray.errors import MaestroError

_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
# what is left of a name in a table that is too wide
_LEAST = 12


def emit(kind: str, action: str, status: str, text: str, /, **data: Any) -> None:
    """The outcome of a command: `text` for a person, or the one JSON object `{kind, action, status, …}`."""
    if invocation.current.json:
        told = {"kind": kind, "action": action, "status": status}
        sys.stdout.write(json_line({**told, **data, **told}))
    elif text:
        sys.stdout.write(text + "\n")
    sys.stdout.flush()


def json_line(told: dict[str, Any]) -> str:
    """The object as a line of text; where the stream cannot hold every character, JSON's own escapes stand for them."""
    plain = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    line = json.dumps(told, ensure_ascii=plain) + "\n"
    # a name of a file that is no UTF-8 holds what no stream takes
    return json.dumps(told) + "\n" if re.search("[\ud800-\udfff]", line) else line


def say(text: str) -> None:
    """Progress for a person; a program that reads JSON is not shown any."""
    if not invocation.current.json:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def warn(text: str) -> None:
    sys.stderr.write(f"{paint('warning:', 'yellow', sys.stderr)} {text}\n")


def fail(error: MaestroError, *, as_json: bool | None = None) -> None:
    """The error in the form that was asked for."""
    from maestro_ray.redaction import redact

    message, hint = redact(str(error)), redact(error.hint)
    if invocation.current.json if as_json is None else as_json:
        told = {
            "type": "error",
            "error_kind": error.kind,
            "message": message,
            "hint": hint,
            "exit_code": exit_code(error),
        }
        sys.stdout.write(json_line(told))
        sys.stdout.flush()
        return
    sys.stderr.write(f"{paint('error:', 'red', sys.stderr)} {_lines(message)}\n")
    if hint:
        sys.stderr.write(f"{paint('hint:', 'cyan', sys.stderr)} {_lines(hint)}\n")


def _lines(text: str) -> str:
    """As `printable`, but an error may have several lines: it names what others have named."""
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)


def exit_code(error: MaestroError) -> int:
    """A reported error brings the code of the one it stands for."""
    return int(error.args[3]) if error.args and type(error).__name__ == "Reported" else error.exit_code


def coloured(stream: Any = None) -> bool:
    stream = stream or sys.stdout
    return bool(stream.isatty()) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str, stream: Any = None) -> str:
    """The text in a style, where the stream is a terminal and the person wants colours."""
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if coloured(stream) else text


def columns(rows: Sequence[Sequence[str]], head: Sequence[str] = (), *, fit: bool = False) -> str:
    """Rows in aligned columns, two spaces between, none at the end of a line.

    To `fit` a terminal that is too narrow the first column is cut, as far as it still tells one row from another.
    """
    table = [list(head), *rows] if head else list(rows)
    if not table:
        return ""
    if fit and sys.stdout.isatty():
        rest = sum(2 + max(cells(row[i]) for row in table) for i in range(1, len(table[0])))
        most = max(shutil.get_terminal_size().columns - rest, _LEAST)
        table = [[cut(row[0], most), *row[1:]] for row in table]
    widths = [max(cells(row[i]) for row in table) for i in range(len(table[0]))]
    lines = [
        "  ".join(
            cell + " " * (width - cells(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in table
    ]
    if head:
        lines[0] = paint(lines[0], "dim")
    return "\n".join(lines)


def cut(text: str, most: int) -> str:
    """The text, or as much of its beginning as takes `most` columns of a terminal with a mark at its end."""
    if cells(text) <= most:
        return text
    kept = max(n for n in range(len(text)) if cells(text[:n]) < most)
    return f"{text[:kept].rstrip()}…"


def cells(text: str) -> int:
    """How many columns of a terminal the text takes: a wide character two, a combining one none, escapes none."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in plain
    )


def typed(word: str) -> str:
    """A word of somebody else as a person types it in a shell."""
    return shlex.quote(printable(word))


def printable(text: str) -> str:
    """Text of somebody else made safe for a terminal: no control characters, one line."""
    return "".join(c if c.isprintable() else " " for c in text).strip()
