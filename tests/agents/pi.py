"""pi: one headless turn."""

from __future__ import annotations

import json

from .recipe import Recipe


def _models(url: str) -> str:
    model = {"id": "model", "name": "Model", "contextWindow": 100000, "maxTokens": 8000}
    provider = {"baseUrl": f"{url}/v1", "apiKey": "MODEL_KEY", "api": "openai-completions", "models": [model]}
    return json.dumps({"providers": {"scripted": provider}})


PI = Recipe(
    name="pi",
    programs=("pi", "node"),
    work=lambda url, place: [
        "--mode",
        "json",
        "--offline",
        "--provider",
        "scripted",
        "--model",
        "model",
        "-p",
    ],
    env=lambda url: {"MODEL_KEY": "sk-test", "PI_OFFLINE": "1"},
    files=lambda url: {".pi/agent/models.json": _models(url)},
)
