"""JSON read strictly and written compactly: what both wire protocols are made of."""

from __future__ import annotations

import json
import math
import re
from typing import Any, TypeGuard

from maestro_ray.errors import BadFrame

# Our messages are at most about ten deep. A thousand levels would exhaust the stack of whoever walks them later.
DEEPEST = 64

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


def size(text: str | bytes) -> int:
    """Bytes of this text on the wire (UTF-8)."""
    if isinstance(text, bytes) or text.isascii():
        return len(text)
    return len(text.encode("utf-8", "surrogatepass"))


def parse(source: str | bytes) -> Any:
    """One JSON value. Raises `BadFrame` and nothing else, whatever the bytes are.

    Refused beyond what `json` refuses: other encodings than UTF-8, repeated keys (two readers would see two
    different messages), NaN and Infinity also as `1e999`, more than `DEEPEST` levels.
    """
    try:
        text = source.decode() if isinstance(source, bytes) else source
        value = _DECODER.decode(text)
    except UnicodeDecodeError as bad:
        raise BadFrame(f"not UTF-8 at byte {bad.start}") from None
    except ValueError as bad:
        raise BadFrame(f"not JSON: {bad}") from None
    except RecursionError:
        raise BadFrame(f"nested deeper than {DEEPEST} levels") from None
    # Counting brackets is cheap, and few of them cannot be deep.
    if text.count("[") + text.count("{") > DEEPEST and _too_deep(value):
        raise BadFrame(f"nested deeper than {DEEPEST} levels")
    return value


def dump(value: Any) -> str:
    """Compact JSON that can always be written as UTF-8.

    Raises `ValueError` for NaN and `TypeError` for what JSON cannot hold: both are the caller's mistake. File
    names that are not UTF-8 hold lone surrogates; they travel as escapes, and `parse` gives them back.
    """
    text = _COMPACT.encode(value)
    return _ASCII.encode(value) if _LONE_SURROGATE.search(text) else text


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether a parsed value is an integer; in Python a bool would pass for one."""
    return isinstance(value, int) and not isinstance(value, bool)


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in _inside(outer) if isinstance(inner, dict | list)]
        if not level:
            return False
    return True


def _inside(container: Any) -> Any:
    return container.values() if isinstance(container, dict) else container


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is not a finite number")
    return number


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, parse_float=_finite, parse_constant=_finite)
_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)
_ASCII = json.JSONEncoder(ensure_ascii=True, separators=(",", ":"), allow_nan=False)
