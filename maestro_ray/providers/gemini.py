"""Gemini CLI, through the Agent Client Protocol: headless it is offered no shell, and takes no word."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from maestro_ray.model.permission import Tool
from maestro_ray.ports import Job, Launch
from maestro_ray.providers.acp_habits import habits_of
from maestro_ray.providers.acp_turn import AcpTurn
from maestro_ray.providers.installed import Installed

PROGRAM = "gemini"
VARIABLES = (
    "GEMINI_API_KEY", "GEMINI_MODEL", "GOOGLE_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL",
    "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_GCA", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT",
    "GOOGLE_CLOUD_LOCATION",
)  # fmt: skip

# a folder that nobody has been asked about is a worktree of ours; whom to ask is not left to the person's settings
_TALK = ("--acp", "--skip-trust", "--approval-mode", "default")
# of its program: what maestro decides
_OWN = frozenset({
    "--acp", "--experimental-acp", "-p", "--prompt", "-i", "--prompt-interactive", "-y", "--yolo", "--approval-mode",
    "-o", "--output-format", "--input-format", "-r", "--resume", "-c", "--continue", "--session-id", "-m", "--model",
    "-w", "--worktree", "--skip-trust", "-s", "--sandbox", "--allowed-tools", "--allowed-mcp-server-names",
    "--auth-type", "--include-directories", "--add-dir", "--delete-session", "--list-sessions", "--policy",
    "--admin-policy",
})  # fmt: skip
_NAMES: Mapping[str, Sequence[str]] = {
    Tool.SHELL: ("run_shell_command",), Tool.EDIT: ("write_file", "replace"),
    Tool.READ: ("read_file", "read_many_files", "glob", "grep_search", "search_file_content", "list_directory"),
    Tool.FETCH: ("web_fetch", "google_web_search"),
}  # fmt: skip
_LOGIN, _FILE, _POLICIES = "oauth_creds.json", "settings.json", "policies"
_SETTINGS = (
    _LOGIN, "google_accounts.json", "gemini-credentials.json", "installation_id", _FILE, ".env", "GEMINI.md",
    "commands", "extensions", "skills", "agents", _POLICIES, "mcp-oauth-tokens.json", "trustedFolders.json",
)  # fmt: skip


class Gemini(Installed):
    """Raises `BadProvider`."""

    program, variables, own = PROGRAM, VARIABLES, _OWN
    asks = True

    def open(self, job: Job) -> AcpTurn:
        # it looks for `.gemini` and `.agents` there
        home = job.scratch
        launch = Launch(
            (PROGRAM, *_TALK, *(("-m", self._model) if self._model else ()), *self._more),
            env={
                "GEMINI_CLI_HOME": str(home), "NO_BROWSER": "true",
            },
            # system-wide settings it takes from root alone
            defaults={home / ".gemini" / _FILE: json.dumps(_defaults(job)).encode()},
            links={
                # a person's own rules say what is done without a question
                **{
                    home / ".gemini" / name: f"~/.gemini/{name}"
                    for name in _SETTINGS
                    if not (job.asks and name == _POLICIES)
                },
                home / ".agents": "~/.agents",
            },
            writes=(f"~/.gemini/{_LOGIN}",),
        )  # fmt: skip
        return AcpTurn(job, launch, habits_of("gemini-cli"))


def _defaults(job: Job) -> dict[str, object]:
    """What holds where the person's own settings say nothing else. Ten attempts are four minutes of silence; a session
    that is taken up wants to be told how one signs in."""
    defaults: dict[str, object] = {
        "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False, "maxAttempts": 3},
        "security": {"auth": {"selectedType": "gemini-api-key"}},
    }
    refuses = job.refuses if job.purpose == "execute" else {*job.refuses, Tool.EDIT}
    refused = [name for tool in sorted(refuses) for name in _NAMES.get(tool, ())]
    # added to those that the person leaves out
    return {**defaults, "tools": {"exclude": refused}} if refused else defaults
