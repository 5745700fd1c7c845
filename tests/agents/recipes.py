"""The agents that are tested, by name."""

from __future__ import annotations

from .claude import CLAUDE
from .codex import CODEX

RECIPES = {recipe.name: recipe for recipe in (CLAUDE, CODEX)}
