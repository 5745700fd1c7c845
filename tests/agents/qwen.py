"""Qwen Code: one headless turn, and a session over the Agent Client Protocol."""

from __future__ import annotations

import json

from .recipe import Recipe

_SETTINGS = {
    "general": {"enableAutoUpdate": False},
    "privacy": {"usageStatisticsEnabled": False},
    "telemetry": {"enabled": False},
    "security": {"auth": {"selectedType": "openai"}},
    # else a 429 is minutes of silence
    "model": {"generationConfig": {"maxRetries": 0}},
}


def _env(url: str) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": f"{url}/v1", "OPENAI_MODEL": "model"}


QWEN = Recipe(
    name="qwen",
    programs=("qwen", "node"),
    work=lambda url, place: [
        "--auth-type",
        "openai",
        "-o",
        "stream-json",
        "--approval-mode",
        "auto-edit",
        "-p",
    ],
    env=_env,
    files=lambda url: {".qwen/settings.json": json.dumps(_SETTINGS)},
    commands=False,
)
QWEN_ASKS = Recipe(
    name="qwen",
    programs=("qwen", "node"),
    work=lambda url, place: ["--acp", "--auth-type", "openai"],
    env=_env,
    files=lambda url: {".qwen/settings.json": json.dumps(_SETTINGS)},
)
