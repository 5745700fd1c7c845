"""What was judged before a card was put before the operator: verdicts, newest first, and what the tests said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestro_cli.render.out import printable
from maestro_ray.model.evidence import summary


def judged_lines(card: Mapping[str, Any]) -> list[str]:
    """None for a card that is about no judgement, or of an earlier Studio."""
    about = card.get("about") or {}
    lines = [
        f"{each['verdict']} {printable(each['worker'] or '')} @ {each['commit'][:10]}"
        f": {printable(each['reason'])[:300]}"
        for each in about.get("verdicts", ())
    ]
    return [*lines, *([printable(summary(about["evidence"]))] if about.get("evidence") else [])]
