"""The agents' programs, where `make agents` has put them."""

from __future__ import annotations

import platform
from pathlib import Path

from absent import absent

HERE = Path(__file__).parent
_MODULES = HERE / "node_modules"
_VENV = HERE.parents[1] / ".venv-agents" / "bin"
_CHIP = {"x86_64": "x64", "aarch64": "arm64"}.get(platform.machine(), "none")

# those that npm starts through node are started so here too
PROGRAMS = {
    "node": _MODULES / f"node-linux-{_CHIP}/bin/node",
    "claude": _MODULES / f"@anthropic-ai/claude-code-linux-{_CHIP}/claude",
    "codex": _MODULES / "@openai/codex/bin/codex.js",
    "gemini": _MODULES / "@google/gemini-cli/bundle/gemini.js",
    "opencode": _MODULES / f"opencode-linux-{_CHIP}/bin/opencode",
    "qwen": _MODULES / "@qwen-code/qwen-code/cli-entry.js",
    "pi": _MODULES / "@mariozechner/pi-coding-agent/dist/cli.js",
    "mini": _VENV / "mini",
}


def program(name: str) -> Path:
    """Where it is. A test of one that is absent skips; in `.ci/run` that is a failure."""
    path = PROGRAMS[name]
    if not path.exists():
        absent(f"{name} is not installed in tests/agents (make agents)")
    return path
