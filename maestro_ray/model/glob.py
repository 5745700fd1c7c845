"""A glob: whether a text, parts of which may not be known, can or must look like it.

`*` is any text and `?` one character; in a path they stay within one name, and `**` is any number of names.
"""

from __future__ import annotations

from functools import lru_cache

from maestro_ray.model.command_line import UNKNOWN


def may_match(pattern: str, text: str) -> bool:
    """Whether the text can be so, whatever stands in place of what is not known."""
    return _ends(pattern, text, unknown=True)


def must_match(pattern: str, text: str) -> bool:
    """Whether the text is so, whatever stands there; what is not known is like the same in the pattern alone."""
    return pattern == text or _ends(pattern, text, unknown=False)


def path_matches(pattern: str, path: str) -> bool:
    """Both without `.` and `..`; `a/**` is `a` too. An unknown piece of the path can be anything."""
    if UNKNOWN in path:
        return may_match(pattern.replace("**", "*"), path)
    return _names_match(tuple(pattern.split("/")), tuple(path.split("/")))


def _names_match(pattern: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Each state is how many pieces of the pattern are behind us; never more of them than there are pieces."""
    states = _through(pattern, {0})
    for name in names:
        after = {i for i in states if i < len(pattern) and pattern[i] == "**"}
        after |= {
            i + 1 for i in states if i < len(pattern) and pattern[i] != "**" and must_match(pattern[i], name)
        }
        states = _through(pattern, after)
    return len(pattern) in states


def _through(pattern: tuple[str, ...], states: set[int]) -> set[int]:
    """Any number of names may be none."""
    found = set(states)
    for i, piece in enumerate(pattern):
        if i in found and piece == "**":
            found.add(i + 1)
    return found


def _ends(pattern: str, text: str, *, unknown: bool) -> bool:
    """All places of the pattern that can be reached are bits of one number, so that no pattern takes long."""
    stars, places = _compiled(pattern)
    end = 1 << len(pattern)
    now = _over_stars(1, stars)
    for c in text:
        if c == UNKNOWN and unknown:
            # any text: from the first place on every other can be reached
            now = (end << 1) - (now & -now)
        else:
            kept = now & stars
            moved = (now & (places.get(c, 0) | places.get("?", 0) if c != UNKNOWN else 0)) << 1
            now = _over_stars(kept | moved, stars)
        if not now:
            return False
    return bool(now & end)


def _over_stars(now: int, stars: int) -> int:
    while True:
        further = now | (now & stars) << 1
        if further == now:
            return now
        now = further


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> tuple[int, dict[str, int]]:
    """Where its stars are, and where each character is, as bits."""
    stars, places = 0, dict[str, int]()
    for i, c in enumerate(pattern):
        if c == "*":
            stars |= 1 << i
        else:
            places[c] = places.get(c, 0) | 1 << i
    return stars, places
