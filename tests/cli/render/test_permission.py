from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maestro_cli.render.permission import permission_lines, permission_text

CARD = {
    "kind": "permission",
    "about": {
        "worker": "dev-1", "agent": "claude", "tool": "Bash", "command": "ls\ngit push", "hash": "ab12", "length": 11,
        "why": "no rule names it",
    },
}  # fmt: skip


def with_command(command: str) -> dict[str, object]:
    return {**CARD, "about": {**CARD["about"], "command": command}}  # type: ignore[dict-item]


def test_the_whole_command_is_shown_with_its_hash() -> None:
    assert permission_lines(CARD) == [
        "dev-1 (claude) asks for leave to use Bash",
        "| ls",
        "| git push",
        "sha256 ab12, 11 characters",
        "no rule names it",
    ]


def test_what_is_hidden_in_it_is_named() -> None:
    text = permission_text(with_command("ls\x1b[2K\rgit \u202epush\u200b\u00a0x"))
    assert "| ls⟦U+001B⟧[2K⟦U+000D⟧git ⟦U+202E⟧push⟦U+200B⟧⟦U+00A0⟧x" in text


@given(st.text())
def test_nothing_reaches_a_terminal_that_it_would_obey(command: str) -> None:
    """Nor can a line of the command pass for one of ours."""
    lines = permission_lines(with_command(command))
    assert all(line.isprintable() for line in lines)
    assert all(line.startswith("| ") for line in lines[1:-2])
