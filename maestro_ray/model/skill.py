"""Skills and proficiency: how good a session is at a skill, or must be for a task, from 1 to 5."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

DEFAULT_PROFICIENCY = 3

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

# English, Turkish and German, as `_fold` leaves them
_WORDS = {
    **dict.fromkeys(("beginner", "novice", "baslangic", "acemi", "anfanger", "anfaenger"), 1),
    **dict.fromkeys(("elementary", "basic", "temel", "grundlagen", "grundkenntnisse"), 2),
    **dict.fromkeys(("intermediate", "medium", "orta", "mittel"), 3),
    **dict.fromkeys(("advanced", "ileri", "fortgeschritten", "fortgeschrittene"), 4),
    **dict.fromkeys(("expert", "uzman", "experte", "expertin"), 5),
}


def proficiency(value: object) -> int:
    """1 to 5 from a number, a percentage or a word: `4`, `"4"`, `"70%"`, `"%70"`, `"advanced"`, `"İleri"`.

    A percentage is 1 up to 20, 2 up to 40, 3 up to 60, 4 up to 80, else 5. Raises `ValueError` with a sentence.
    """
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 5:
        return value
    found = _of_text(_fold(value)) if isinstance(value, str) else None
    if found is None:
        raise ValueError(
            'a proficiency is a number from 1 to 5, a percentage like "70%", or a word from "beginner" to "expert"'
        )
    return found


def read_skills(words: Iterable[str]) -> dict[str, int]:
    """Levels by skill from `python` or `python:4` each. Raises `ValueError` with a sentence."""
    skills: dict[str, int] = {}
    for word in words:
        name, colon, level = (part.strip() for part in word.partition(":"))
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no skill: its name is made of letters, digits, '-', '_' and '.'")
        if name in skills:
            raise ValueError(f"the skill {name!r} is named twice")
        skills[name] = proficiency(level) if colon else DEFAULT_PROFICIENCY
    return skills


def _of_text(text: str) -> int | None:
    if re.fullmatch(r"[1-5]", text):
        return int(text)
    if percent := re.fullmatch(r"(?:%\s*)?([0-9]{1,3}(?:[.,][0-9]{1,6})?)(?:\s*%)?", text):
        number = float(percent[1].replace(",", "."))
        return _of_percent(number) if text.count("%") == 1 and number <= 100 else None
    return _WORDS.get(text)


def _of_percent(number: float) -> int:
    return next((level for level, limit in enumerate((20, 40, 60, 80), 1) if number <= limit), 5)


def _fold(text: str) -> str:
    """Lower case without marks; `ı` has no mark to lose, `İ` and `ä` have."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", text.strip()) if not unicodedata.combining(c))
    return bare.casefold().replace("ı", "i")
