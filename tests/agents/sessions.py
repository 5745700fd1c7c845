"""The sessions that are played with agents, by name: each module has `PARTS`, `start` and `play`."""

from __future__ import annotations

from . import claude_session, codex_session

SESSIONS = {"claude": claude_session, "codex": codex_session}
