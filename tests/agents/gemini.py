"""Gemini CLI: one headless turn, and a session over the Agent Client Protocol."""

from __future__ import annotations

import json

from .recipe import Recipe

MODEL = "gemini-2.5-pro"
_SETTINGS = {
    "security": {"auth": {"selectedType": "gemini-api-key"}},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    # ten attempts by default, four minutes in which it says nothing
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False, "maxAttempts": 2},
}


def _env(url: str) -> dict[str, str]:
    return {"GEMINI_API_KEY": "test", "GOOGLE_GEMINI_BASE_URL": url, "NO_BROWSER": "true"}


GEMINI = Recipe(
    name="gemini",
    programs=("gemini", "node"),
    work=lambda url, place: [
        "-o",
        "stream-json",
        "--approval-mode",
        "auto_edit",
        "--skip-trust",
        "-m",
        MODEL,
        "-p",
    ],
    env=_env,
    files=lambda url: {".gemini/settings.json": json.dumps(_SETTINGS)},
    commands=False,
)
GEMINI_ASKS = Recipe(
    name="gemini",
    programs=("gemini", "node"),
    work=lambda url, place: ["--acp", "--skip-trust", "-m", MODEL],
    env=_env,
    files=lambda url: {".gemini/settings.json": json.dumps(_SETTINGS)},
)
