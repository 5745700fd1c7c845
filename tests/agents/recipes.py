"""The agents that are tested, by name."""

from __future__ import annotations

from .claude import CLAUDE
from .codex import CODEX
from .gemini import GEMINI
from .mini import MINI
from .opencode import OPENCODE
from .pi import PI
from .qwen import QWEN

RECIPES = {recipe.name: recipe for recipe in (CLAUDE, CODEX, OPENCODE, GEMINI, QWEN, PI, MINI)}
