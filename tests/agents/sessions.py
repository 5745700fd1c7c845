"""The sessions that are played with agents, by name: each has `PARTS`, `start`, `play` and `once`."""

from __future__ import annotations

from . import claude_session, codex_session, pi_session
from .acp_session import AcpSession
from .gemini import GEMINI_ASKS
from .opencode import OPENCODE_ASKS
from .qwen import QWEN_ASKS

SESSIONS = {
    "claude": claude_session,
    "codex": codex_session,
    "opencode": AcpSession(OPENCODE_ASKS),
    "gemini": AcpSession(GEMINI_ASKS),
    "qwen": AcpSession(QWEN_ASKS, mode="default"),
    "pi": pi_session,
}
