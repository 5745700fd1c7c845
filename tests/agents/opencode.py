"""OpenCode: one turn of `opencode run`, and a session over the Agent Client Protocol."""

from __future__ import annotations

import json

from .recipe import Recipe

_ENV = {
    "MODEL_KEY": "sk-test",
    # it would look for a newer one of itself, of its list of models, and of language servers
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_MODELS_FETCH": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
}


def _config(url: str, permission: dict[str, str]) -> str:
    provider = {
        "npm": "@ai-sdk/openai-compatible",
        "name": "Scripted",
        "options": {"baseURL": f"{url}/v1", "apiKey": "{env:MODEL_KEY}"},
        "models": {
            "model": {"name": "Model", "tool_call": True, "limit": {"context": 100000, "output": 8000}}
        },
    }
    return json.dumps(
        {
            "$schema": "https://opencode.ai/config.json",
            "provider": {"scripted": provider},
            "model": "scripted/model",
            "small_model": "scripted/model",
            "share": "disabled",
            "autoupdate": False,
            "permission": permission,
        }
    )


def _env(url: str, **permission: str) -> dict[str, str]:
    """Nothing keeps it from installing its plugins' library into its configuration directory, so npm is asked here."""
    return _ENV | {"OPENCODE_CONFIG_CONTENT": _config(url, permission), "npm_config_registry": url}


OPENCODE = Recipe(
    name="opencode",
    programs=("opencode",),
    work=lambda url, place: ["run", "--pure", "--format", "json"],
    env=_env,
)
OPENCODE_ASKS = Recipe(
    name="opencode",
    programs=("opencode",),
    work=lambda url, place: ["acp"],
    env=lambda url: _env(url, edit="ask", bash="ask"),
)
