"""Evidence: what a test run found at one commit."""

from __future__ import annotations

import re

_WORDS = "passed|failed|errors?|skipped|xfailed|xpassed|warnings?|deselected"
# more digits count nothing, and Python refuses to read a number of thousands of them
_COUNT = re.compile(rf"(?<![\w.])(\d{{1,15}}) ({_WORDS})\b")
_CLOSING = re.compile(rf"^=* ?\d+ (?:{_WORDS})\b.*$", re.MULTILINE)


def counts(output: str) -> dict[str, int]:
    """The numbers of a test runner's closing line, such as `3 failed, 12 passed`; empty when there is none."""
    closing = _CLOSING.findall(output)
    if not closing:
        return {}
    return {word.removesuffix("s"): int(number) for number, word in _COUNT.findall(closing[-1])}


def summary(evidence: dict[str, object]) -> str:
    """One line for a person."""
    found = evidence.get("counts")
    numbers = ", ".join(f"{n} {word}" for word, n in found.items()) if isinstance(found, dict) else ""
    code = evidence.get("exit_code")
    # an agent that runs them says in its own words how they ended
    ended = "was run by an agent" if code is None else f"exited with {code}"
    return f"`{evidence.get('command', '')}` {ended}" + (f": {numbers}" if numbers else "")
