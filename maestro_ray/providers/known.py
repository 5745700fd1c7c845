"""What is known of each agent a person may have installed: facts only, in the order in which `auto` takes them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Known:
    """`oldest` is the version it is known to work with, `keys` the variables any of which signs it in, `logins` the
    files below the home directory that hold a log-in. `install` and `sign_in` are for a person."""

    kind: str
    program: str
    oldest: tuple[int, ...]
    install: str
    sign_in: str
    keys: tuple[str, ...] = ()
    logins: tuple[str, ...] = ()
    ask: tuple[str, ...] = ("--version",)


KNOWN = (
    Known(
        "claude", "claude", (2, 1),
        "npm install -g @anthropic-ai/claude-code", "run `claude` and /login, or set ANTHROPIC_API_KEY",
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"), (".claude/.credentials.json",),
    ),
    # its app server takes no key of the environment
    Known(
        "codex", "codex", (0, 169),
        "npm install -g @openai/codex", "run `codex login`, with a key: `codex login --with-api-key`",
        (), (".codex/auth.json",),
    ),
    Known(
        "gemini", "gemini", (0, 61),
        "npm install -g @google/gemini-cli", "run `gemini` and sign in, or set GEMINI_API_KEY",
        ("GEMINI_API_KEY",), (".gemini/oauth_creds.json",),
    ),
    Known(
        "opencode", "opencode", (1, 18),
        "npm install -g opencode-ai", "run `opencode auth login`",
        ("ANTHROPIC_API_KEY", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY", "OPENCODE_API_KEY"),
        (".local/share/opencode/auth.json",),
    ),
    Known(
        "qwen", "qwen", (0, 24),
        "npm install -g @qwen-code/qwen-code", "run `qwen` and sign in, or set OPENAI_API_KEY and OPENAI_BASE_URL",
        ("OPENAI_API_KEY",), (".qwen/oauth_creds.json",),
    ),
    Known(
        "pi", "pi", (0, 73),
        "npm install -g @mariozechner/pi-coding-agent", "run `pi` and /login, or set the key of a service it knows",
        ("ANTHROPIC_API_KEY", "ANTHROPIC_OAUTH_TOKEN", "OPENAI_API_KEY", "GEMINI_API_KEY", "OPENROUTER_API_KEY",
         "DEEPSEEK_API_KEY", "GROQ_API_KEY", "MISTRAL_API_KEY", "XAI_API_KEY"),
        (".pi/agent/auth.json",),
    ),
)  # fmt: skip


def known(kind: str) -> Known | None:
    return next((each for each in KNOWN if each.kind == kind), None)
