"""Code fences, line by line: what stands inside of one is quoted, and is nobody's own word."""

from __future__ import annotations

import re

# CommonMark: a fence of backticks has none in its info string, and one at least as long closes it
_MARK = r"(`{3,}(?=[^`]*$)|~{3,})(.*)"
PLAIN = re.compile(" {0,3}" + _MARK)
# the same wherever it stands: in a list, in a quotation, indented
ANYWHERE = re.compile(r"[\s>]*(?:(?:[-*+]|\d{1,9}[.)])\s[\s>]*)*" + _MARK)


class Fence:
    """One reading of a text: `kind` is what counts as a fence in it."""

    def __init__(self, kind: re.Pattern[str]) -> None:
        self._kind = kind
        self._opened = ""

    def encloses(self, line: str) -> bool:
        """Whether the next line, without blanks at its end, is in a block or a fence itself."""
        mark = self._kind.fullmatch(line)
        if mark and not self._opened:
            self._opened = mark[1]
            return True
        if mark and mark[1].startswith(self._opened) and not mark[2]:
            self._opened = ""
            return True
        return bool(self._opened)
