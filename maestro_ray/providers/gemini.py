"""Gemini CLI, through the Agent Client Protocol: headless it is offered no shell, and takes no word."""

from __future__ import annotations

import json

from maestro_ray.errors import BadProvider
from maestro_ray.ports import Job, Launch, ProviderSpec
from maestro_ray.providers.acp import AcpTurn
from maestro_ray.providers.acp_habits import habits_of
from maestro_ray.providers.installed import Installed

PROGRAM = "gemini"
VARIABLES = (
    "GEMINI_API_KEY", "GEMINI_MODEL", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_LOCATION",
)  # fmt: skip

# a folder that nobody has been asked about is a worktree of ours; whom to ask is not left to the person's settings
_TALK = ("--acp", "--skip-trust", "--approval-mode", "default")
_LOGIN = "oauth_creds.json"
_SETTINGS = (
    _LOGIN, "google_accounts.json", "gemini-credentials.json", "installation_id", "settings.json", ".env", "GEMINI.md",
    "commands", "extensions", "skills", "agents", "policies", "mcp-oauth-tokens.json", "trustedFolders.json",
)  # fmt: skip


class Gemini(Installed):
    """`spec.arg` is the model, empty for the account's own; `spec.argv` are further arguments. Raises `BadProvider`."""

    program, variables = PROGRAM, VARIABLES
    asks = True

    def __init__(self, spec: ProviderSpec) -> None:
        if any(word.startswith("-") for word in spec.arg.split()):
            raise BadProvider(f"{spec.kind}:{spec.arg}", "what follows the colon is the name of a model")
        super().__init__(spec)

    def open(self, job: Job) -> AcpTurn:
        defaults = job.scratch / "gemini-defaults.json"
        # it looks for `.gemini` and `.agents` there
        home = job.scratch
        launch = Launch(
            (PROGRAM, *_TALK, *(("-m", self._spec.arg) if self._spec.arg else ()), *self._spec.argv),
            env={
                "GEMINI_CLI_HOME": str(home), "GEMINI_CLI_SYSTEM_DEFAULTS_PATH": str(defaults), "NO_BROWSER": "true",
            },
            files={defaults: json.dumps(_defaults(job.purpose)).encode()},
            links={
                **{home / ".gemini" / name: f"~/.gemini/{name}" for name in _SETTINGS},
                home / ".agents": "~/.agents",
            },
            writes=(f"~/.gemini/{_LOGIN}",),
        )  # fmt: skip
        return AcpTurn(job, launch, habits_of("gemini-cli"))


def _defaults(purpose: str) -> dict[str, object]:
    """What holds where the person's own settings say nothing else. Ten attempts are four minutes of silence; a session
    that is taken up wants to be told how one signs in."""
    defaults: dict[str, object] = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False, "maxAttempts": 3},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
    }
    # added to those that the person leaves out
    return defaults if purpose == "execute" else {**defaults, "tools": {"exclude": ["write_file", "replace"]}}
