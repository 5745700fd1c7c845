"""Codex: one turn of `codex exec`, and a session with its app server."""

from __future__ import annotations

from .recipe import Recipe

MODEL = "gpt-5.5"


def provider(url: str) -> list[str]:
    """The settings that point it at the model, each as `-c`."""
    settings = {
        "model": MODEL,
        "model_provider": "scripted",
        "model_providers.scripted.name": "scripted",
        "model_providers.scripted.base_url": f"{url}/v1",
        "model_providers.scripted.wire_api": "responses",
        "model_providers.scripted.env_key": "MODEL_KEY",
    }
    numbers = {
        "model_providers.scripted.request_max_retries": "1",
        "model_providers.scripted.stream_max_retries": "1",
        "analytics.enabled": "false",
        "check_for_update_on_startup": "false",
        # its shop of plugins is looked up at GitHub and at chatgpt.com
        "features.plugins": "false",
        "features.remote_plugin": "false",
        "features.apps": "false",
    }
    texts = {name: f'"{value}"' for name, value in settings.items()}
    return [word for name, value in (texts | numbers).items() for word in ("-c", f"{name}={value}")]


CODEX = Recipe(
    name="codex",
    programs=("codex", "node"),
    work=lambda url, place: [
        "exec",
        "--json",
        "-s",
        "workspace-write",
        "-C",
        str(place.folder),
        *provider(url),
    ],
    env=lambda url: {"MODEL_KEY": "sk-test"},
)
