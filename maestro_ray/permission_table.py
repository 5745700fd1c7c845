"""The `[roles.NAME.permissions]` table: what agents of a role may do, as lines for `model.permission.policy`."""

from __future__ import annotations

import re

from maestro_ray.toml import Table

RULINGS = ("allow", "ask", "deny")
_RULE = re.compile(r"\s*(\*|[A-Za-z_][\w.:*/-]*)(\(.*\))?\s*", re.DOTALL)
LONGEST_RULE, MOST_RULES = 500, 200


def permission_lines(table: Table, *, theirs: bool) -> tuple[str, ...]:
    """Raises `ConfigError`. What `theirs`, a repository's file, says begins with `at-least`: it is only stricter."""
    table.only(*RULINGS, "unattended")
    lines = [f"{ruling} {rule}" for ruling in RULINGS for rule in _rules(table, ruling)]
    if "unattended" in table:
        lines.append(f"unattended {_unattended(table)}")
    if not theirs:
        return tuple(lines)
    for key, allows in (("allow", "allow" in table), ("unattended", "unattended allow" in lines)):
        if allows:
            why = "a repository's file can only make permissions stricter: it has no say in what is allowed"
            raise table.mistake(why, key)
    return tuple(f"at-least {line}" for line in lines)


def _rules(table: Table, ruling: str) -> list[str]:
    rules = table.texts(ruling)
    if len(rules) > MOST_RULES:
        raise table.mistake(f"{ruling!r} has at most {MOST_RULES} rules", ruling)
    for index, rule in enumerate(rules):
        if not _RULE.fullmatch(rule) or len(rule) > LONGEST_RULE:
            why = "it is a tool, or a tool with a pattern, as Bash(git push*) or Edit(src/**)"
            raise table.mistake(f"{rule[:80]!r} is no rule: {why}", ruling, index)
    return [rule.strip() for rule in rules]


def _unattended(table: Table) -> str:
    word = table.text("unattended")
    if word not in RULINGS:
        raise table.mistake(f"'unattended' is one of {', '.join(RULINGS)}", "unattended")
    return word
