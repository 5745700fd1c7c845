"""Claude Code: one turn, and a session with its control protocol."""

from __future__ import annotations

from .recipe import Recipe

ENV = {
    "ANTHROPIC_API_KEY": "sk-test",
    # else it asks Anthropic at its start, whatever the base address
    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    "DISABLE_AUTOUPDATER": "1",
    # ten by default, with waits that grow to half a minute
    "CLAUDE_CODE_MAX_RETRIES": "2",
}
STREAM = ("-p", "--output-format", "stream-json", "--verbose", "--permission-mode", "acceptEdits")
SESSION = (
    *STREAM,
    "--replay-user-messages",
    "--input-format",
    "stream-json",
    "--permission-prompt-tool",
    "stdio",
)

CLAUDE = Recipe(
    name="claude",
    programs=("claude",),
    work=lambda url, place: STREAM,
    env=lambda url: ENV | {"ANTHROPIC_BASE_URL": url},
)
