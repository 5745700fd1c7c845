"""mini-swe-agent: one turn of a program that says what it does in plain text."""

from __future__ import annotations

from .recipe import Recipe


def _env(url: str) -> dict[str, str]:
    return {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": f"{url}/v1",
        # else it asks for a model and a key, and refuses to begin when it knows no price
        "MSWEA_CONFIGURED": "true",
        "MSWEA_COST_TRACKING": "ignore_errors",
        # ten by default, with waits that grow to a minute
        "MSWEA_MODEL_RETRY_STOP_AFTER_ATTEMPT": "2",
        # it breaks lines at the width of a terminal, paths too
        "COLUMNS": "300",
        # litellm would fetch its list of prices
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }


MINI = Recipe(
    name="mini",
    programs=("mini",),
    work=lambda url, place: [
        "-y", "--exit-immediately", "-m", "openai/model", "-o", str(place.home / "trajectory.json"), "-t",
    ],
    env=_env,
    text=True,
)  # fmt: skip
