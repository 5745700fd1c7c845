"""OpenCode, through the Agent Client Protocol: a second prompt reaches its running turn, and it asks for leave."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from maestro_ray.errors import BadProvider
from maestro_ray.model.permission import Tool
from maestro_ray.ports import Job, Launch, ProviderSpec
from maestro_ray.providers.acp_habits import habits_of
from maestro_ray.providers.acp_turn import AcpTurn
from maestro_ray.providers.installed import Installed

PROGRAM = "opencode"
VARIABLES = (
    "OPENCODE_API_KEY", "OPENCODE_CONFIG", "OPENCODE_CONFIG_CONTENT", "ANTHROPIC_API_KEY", "OPENAI_API_KEY",
    "OPENROUTER_API_KEY", "GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY",
    "DEEPSEEK_API_KEY", "XAI_API_KEY",
)  # fmt: skip

# of its program: what maestro decides
_OWN = frozenset({
    "--cwd", "--port", "--hostname", "--mdns", "--mdns-domain", "--cors", "--format", "--model", "-m", "--session",
    "-s", "--continue", "-c",
})  # fmt: skip
_NAMES: Mapping[str, Sequence[str]] = {
    Tool.SHELL: ("bash",), Tool.EDIT: ("edit",), Tool.READ: ("read", "glob", "grep", "list"),
    Tool.FETCH: ("webfetch", "websearch"),
}  # fmt: skip
_QUIET = {
    "OPENCODE_DISABLE_AUTOUPDATE": "1",
    "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
    "OPENCODE_DISABLE_SHARE": "1",
}
# its configuration is read and not changed; it wants to write beside it, so the directory is a run's own
_SETTINGS = (
    "opencode.json", "opencode.jsonc", "config.json", "AGENTS.md", "agent", "agents", "command", "commands", "mode",
    "modes", "plugin", "plugins", "prompts", "rules", "skill", "skills", "themes", "tool", "tools",
)  # fmt: skip
# what other programs have where it looks for that directory
_OTHERS = ("git", "pip", "uv")
_LOGIN = f"~/.local/share/{PROGRAM}/auth.json"


class OpenCode(Installed):
    """Its model is PROVIDER/MODEL. Raises `BadProvider`."""

    program, variables, own = PROGRAM, VARIABLES, _OWN
    asks = True

    def __init__(self, spec: ProviderSpec) -> None:
        super().__init__(spec)
        if self._model and not all(self._model.partition("/")):
            raise BadProvider(f"{spec.kind}:{self._model}", "its model is written as PROVIDER/MODEL")

    def open(self, job: Job) -> AcpTurn:
        """All that it writes is in the scratch directory; it takes no other word about that than the XDG variables."""
        home, cache = job.scratch, job.scratch / "cache"
        launch = Launch(
            (PROGRAM, "acp", *self._more),
            env={
                **_QUIET, "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(cache),
                "XDG_STATE_HOME": str(job.scratch / "state"),
                "OPENCODE_PERMISSION": json.dumps(_permission(job)),
            },
            links={
                home / PROGRAM / "auth.json": _LOGIN,
                **{home / PROGRAM / name: f"~/.config/{PROGRAM}/{name}" for name in _SETTINGS},
                **{home / name: f"~/.config/{name}" for name in _OTHERS},
                cache / PROGRAM: f"~/.cache/{PROGRAM}",
            },
            writes=(_LOGIN,),
        )  # fmt: skip
        model = [("session/set_config_option", {"configId": "model", "value": self._model})]
        return AcpTurn(job, launch, habits_of(PROGRAM), model if self._model else ())


def _permission(job: Job) -> dict[str, object]:
    """Laid over the person's own, where rules for single commands that follow one for `*` go on to hold. Without it no
    command is asked for."""
    asked = {name for tool in {*job.asks, Tool.SHELL} for name in _NAMES.get(tool, ())}
    refuses = job.refuses if job.purpose == "execute" else {*job.refuses, Tool.EDIT}
    refused = {name for tool in refuses for name in _NAMES.get(tool, ())}
    return {name: _ruled(name, refused) for name in sorted(asked | refused)}


def _ruled(name: str, refused: Collection[str]) -> object:
    """Rules within a tool are for the shell alone: elsewhere they make it forget all settings, and it asks a model of
    its own choice."""
    if name in refused:
        return "deny"
    return {"*": "ask"} if name == "bash" else "ask"
