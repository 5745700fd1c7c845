"""Qwen Code, through the Agent Client Protocol: it asks us for words between its steps, and for leave."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from maestro_ray.model.permission import Tool
from maestro_ray.ports import Job, Launch
from maestro_ray.providers.acp_habits import habits_of
from maestro_ray.providers.acp_turn import AcpTurn
from maestro_ray.providers.installed import Installed

PROGRAM = "qwen"
VARIABLES = (
    "OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL", "QWEN_MODEL", "DASHSCOPE_API_KEY", "MODELSCOPE_API_KEY",
    "BAILIAN_CODING_PLAN_API_KEY",
)  # fmt: skip

# of its program: what maestro decides
_OWN = frozenset({
    "--acp", "--experimental-acp", "-p", "--prompt", "-i", "--prompt-interactive", "-y", "--yolo", "--approval-mode",
    "-o", "--output-format", "--input-format", "-r", "--resume", "-c", "--continue", "--session-id", "-m", "--model",
    "-w", "--worktree", "--skip-trust", "-s", "--sandbox", "--allowed-tools", "--allowed-mcp-server-names",
    "--auth-type", "--include-directories", "--add-dir", "--delete-session", "--list-sessions", "--core-tools",
})  # fmt: skip
_NAMES: Mapping[str, Sequence[str]] = {
    Tool.SHELL: ("Bash",), Tool.EDIT: ("Edit",), Tool.READ: ("Read",), Tool.FETCH: ("WebFetch",),
}  # fmt: skip
_LOGIN = "oauth_creds.json"
_SETTINGS = (
    _LOGIN, "settings.json", ".env", "QWEN.md", "installation_id", "commands", "extensions", "skills", "agents",
    "rules", "output-styles", "trustedFolders.json",
)  # fmt: skip
# it begins in a mode in which a model decides
_ASKS = ("session/set_mode", {"modeId": "default"})


class Qwen(Installed):
    """Raises `BadProvider`."""

    program, variables, own = PROGRAM, VARIABLES, _OWN
    asks = True

    def open(self, job: Job) -> AcpTurn:
        place, defaults = job.scratch / "qwen", job.scratch / "qwen-defaults.json"
        launch = Launch(
            (PROGRAM, "--acp", *(("--model", self._model) if self._model else ()), *self._more),
            env={
                "QWEN_HOME": str(place),
                "QWEN_CODE_SYSTEM_DEFAULTS_PATH": str(defaults),
                "NO_BROWSER": "true",
            },
            files={defaults: json.dumps(_defaults(job)).encode()},
            links={place / name: f"~/.qwen/{name}" for name in _SETTINGS},
            writes=(f"~/.qwen/{_LOGIN}",),
        )
        return AcpTurn(job, launch, habits_of("qwen-code"), [_ASKS])


def _defaults(job: Job) -> dict[str, object]:
    """What holds where the person's own settings say nothing else: a refused request is made again for minutes, and
    after each turn its model is asked what to remember, and then, with the whole conversation, what a person would
    type next."""
    defaults: dict[str, object] = {
        "general": {"enableAutoUpdate": False},
        "model": {"generationConfig": {"maxRetries": 1}},
        "memory": {"enableManagedAutoMemory": False, "enableManagedAutoDream": False},
        "ui": {"enableFollowupSuggestions": False},
    }
    refuses = job.refuses if job.purpose == "execute" else {*job.refuses, Tool.EDIT}
    denied, asked = (
        [name for tool in sorted(each) for name in _NAMES.get(tool, ())] for each in (refuses, job.asks)
    )
    return {**defaults, "permissions": {"deny": denied, "ask": asked}} if denied or asked else defaults
