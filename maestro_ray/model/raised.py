"""What an agent at work raises: what blocks it, and what it wants to be decided; and how much of that counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestro_ray.model.plain_text import one_line

# of one run
PER_RUN = 5
# in characters: of a blocker or a question, and of one of its options, of which there are some
LONGEST, LONGEST_OPTION = 2000, 80
FEWEST_OPTIONS, MOST_OPTIONS = 2, 6
# the kinds of a task's blockers that agents have raised; of a question's card, too: nothing waits for its answer
REPORTED, QUESTION = "reported", "question"


def read_blocker(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """`{text}`, one line. Raises `ValueError` with a sentence."""
    return {"text": _sentence(values, "text")}


def read_question(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """`{question, options}`, each one line, the options all different. Raises `ValueError` with a sentence."""
    question, given = _sentence(values, "question"), values.get("options")
    if not isinstance(given, list) or not FEWEST_OPTIONS <= len(given) <= MOST_OPTIONS:
        raise ValueError(f"options must be a list of {FEWEST_OPTIONS} to {MOST_OPTIONS} answers")
    options = [_option(each) for each in given]
    if len(set(options)) < len(options):
        raise ValueError("two of the options are the same")
    return {"question": question, "options": options}


def refusal(many: int, what: str) -> str:
    """Why a run that has raised so many raises no further one; empty when it may."""
    return f"a run raises at most {PER_RUN} {what}" if many >= PER_RUN else ""


def _sentence(values: Mapping[str, Any], key: str) -> str:
    if not isinstance(given := values.get(key), str) or not (text := one_line(given)):
        raise ValueError(f"it needs a {key}")
    if len(text) > LONGEST:
        raise ValueError(f"the {key} is longer than {LONGEST} characters")
    return text


def _option(given: object) -> str:
    """Something that can be typed as an answer: a dash would begin an option of the command."""
    if not isinstance(given, str) or not (text := one_line(given)) or text.startswith("-"):
        raise ValueError("an option must be a text that does not begin with a dash")
    if len(text) > LONGEST_OPTION:
        raise ValueError(f"an option is longer than {LONGEST_OPTION} characters")
    return text
