"""The events that hooks are for."""

from __future__ import annotations

# event -> the key of what it says that a matcher is about; an empty one takes no matcher
EVENTS = {
    "SessionStart": "source",
    "SessionEnd": "",
    "RunStart": "purpose",
    "RunEnd": "purpose",
    "PreMerge": "",
    "Verdict": "",
    "Steering": "",
    "Notification": "kind",
    "PreToolUse": "tool_name",
    "PostToolUse": "tool_name",
}
# what has happened already cannot be denied any more
AFTERWARDS = frozenset({"SessionEnd", "RunEnd", "Notification", "PostToolUse"})
