"""The page of decision cards: those that wait, and what was answered last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maestro_ray.studio import schema as t
from maestro_ray.studio.page import cards, frame, projects
from maestro_ray.studio.page.view import Ask, Part, View
from maestro_ray.studio.store import Transaction


def _frame(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    return frame.of_studio("Decisions", projects.visible(tx, ask))


def _past(tx: Transaction, ask: Ask) -> Mapping[str, Any]:
    answered = t.decisions.c.status != "open"
    return {"cards": cards.cards(tx, ask, answered, order=t.decisions.c.id.desc(), most=20)}


VIEW = View(
    "decisions",
    "/decisions",
    _frame,
    {"open": Part(cards.still_open, on=("decision.",)), "past": Part(_past, on=("decision.",))},
)
