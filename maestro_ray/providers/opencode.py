"""OpenCode, through the Agent Client Protocol: a second prompt reaches its running turn, and it asks for leave."""

from __future__ import annotations

import json

from maestro_ray.errors import BadProvider
from maestro_ray.model.permission import Tool
from maestro_ray.ports import Job, Launch, ProviderSpec
from maestro_ray.providers.acp import AcpTurn
from maestro_ray.providers.acp_habits import habits_of
from maestro_ray.providers.installed import Installed

PROGRAM = "opencode"
VARIABLES = (
    "OPENCODE_API_KEY", "OPENCODE_CONFIG", "OPENCODE_CONFIG_CONTENT", "ANTHROPIC_API_KEY", "OPENAI_API_KEY",
    "OPENROUTER_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY",
    "DEEPSEEK_API_KEY", "XAI_API_KEY",
)  # fmt: skip

_QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_SHARE": "1",
}
# its configuration is read and not changed, and so is what other programs have in the same place
_CONFIGS = (PROGRAM, "git", "pip", "uv")
_TOOLS = {Tool.EDIT: "edit", Tool.FETCH: "webfetch"}
_LOGIN = f"~/.local/share/{PROGRAM}/auth.json"


class OpenCode(Installed):
    """`spec.arg` is the model as PROVIDER/MODEL, empty for the account's own. Raises `BadProvider`."""

    program, variables = PROGRAM, VARIABLES
    asks = True

    def __init__(self, spec: ProviderSpec) -> None:
        if spec.arg.startswith(("-", "/")) or (spec.arg and "/" not in spec.arg):
            raise BadProvider(
                f"{spec.kind}:{spec.arg}", "what follows the colon is a model as PROVIDER/MODEL"
            )
        super().__init__(spec)

    def open(self, job: Job) -> AcpTurn:
        """All that it writes is in the scratch directory; it takes no other word about that than the XDG variables."""
        config, cache = job.scratch / "config", job.scratch / "cache"
        launch = Launch(
            (PROGRAM, "acp", *self._spec.argv),
            env={
                **_QUIET, "XDG_DATA_HOME": str(job.scratch), "XDG_STATE_HOME": str(job.scratch / "state"),
                "XDG_CACHE_HOME": str(cache), "XDG_CONFIG_HOME": str(config),
                "OPENCODE_PERMISSION": json.dumps(_permission(job)),
            },
            links={
                job.scratch / PROGRAM / "auth.json": _LOGIN,
                cache / PROGRAM: f"~/.cache/{PROGRAM}",
                **{config / name: f"~/.config/{name}" for name in _CONFIGS},
            },
            writes=(_LOGIN,),
        )  # fmt: skip
        model = [("session/set_config_option", {"configId": "model", "value": self._spec.arg})]
        return AcpTurn(job, launch, habits_of(PROGRAM), model if self._spec.arg else ())


def _permission(job: Job) -> dict[str, object]:
    """Laid over the person's own, where rules for single commands that follow one for `*` go on to hold. Without it no
    command is asked for."""
    asks: dict[str, object] = {"bash": {"*": "ask"}}
    asks |= {name: "ask" for tool, name in _TOOLS.items() if tool in job.asks}
    return asks if job.purpose == "execute" else {**asks, "edit": "deny"}
