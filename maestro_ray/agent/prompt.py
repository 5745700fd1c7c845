"""The text an agent is given for one turn, and what in it can be told apart from the operator's own words."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from maestro_ray.model import steering
from maestro_ray.model.plain_text import one_line, visible
from maestro_ray.redaction import redact

COMMENT_LENGTH = 8_000
EVIDENCE_LENGTH = 24_000
KNOWLEDGE_LENGTH = 8_000

# What only we may begin a line with, whatever stands before it.
_OURS = re.compile(r"\W*(VERDICT\s*:|MAESTRO:|(END OF )?OPERATOR STEERING)", re.IGNORECASE)

_ORDERS = {
    "execute": (
        "Make the change described above in the files of this worktree, and no other. Leave it uncommitted: maestro "
        "commits what you leave there, in the worker's name. Do not change branches, and do not push. Work that is "
        "better a task of its own is proposed by a line of its own, not in a code block: "
        'MAESTRO:SUBTASK {{"title": "…", "description": "…"}}. What keeps you from the work, and you cannot mend, is '
        'said in the same way: MAESTRO:BLOCKER {{"text": "…"}}. What only the operator can decide is asked so, and you '
        "go on with what seems best meanwhile, for the answer comes in a later turn: "
        'MAESTRO:DECISION {{"question": "…", "options": ["…", "…"]}}'
    ),
    "test": "Run the tests and report what they said: the command, its exit code and every failure. Change no file.",
    "review": (
        "Judge whether the change does what the task asks, is correct and is tested. Read it with "
        "`git diff {base} {commit}`. Change no file. End with exactly one line of its own, not in a code block, that "
        "begins with the word VERDICT and a colon: either `VERDICT: APPROVED` or `VERDICT: REJECTED — <reason>`, the "
        "reason in one sentence the developer can act on."
    ),
}
_OTHER = "Do what the description asks for, in this worktree."


def build_prompt(
    purpose: str,
    *,
    plan_title: str,
    task_title: str,
    description: str,
    role: str,
    branch: str,
    base: str,
    commit: str,
    test: str,
    comments: Sequence[str] = (),
    evidence: str = "",
    knowledge: Sequence[Mapping[str, str]] = (),
    directives: Sequence[str] = (),
    revision: int = 0,
    resumed: bool = False,
    instructions: str = "",
    skills: str = "",
) -> str:
    """The prompt of one turn, sections in a fixed order, ending in a newline.

    `comments` are what was said about the task, oldest first; `evidence` is what the tests printed; `knowledge` is what
    Studio knows of the repository, `{kind, title, body, path}` each. All of it comes from agents and files and is
    quoted, every line behind `> `, without what looks like a secret. `directives` are the operator's
    active sentences. `instructions` are an agent definition's prompt, `skills` is the whole section about skills.
    Whatever the texts hold, no line of the result is a VERDICT line, and the steering block is
    there only with directives.
    """
    sections = [
        f"You are the {one_line(role)} of a team that works on the plan: {one_line(plan_title)}",
        _section("Your part in it", _plain(instructions)),
        _section("Task", [f"Title: {one_line(task_title)}", *_plain(description)]),
        _section("Where", _where(purpose, branch, base, commit)),
        _section("Test command", _command(test)),
        _section(
            _comments_heading(purpose, revision), _join(_quoted(each, COMMENT_LENGTH) for each in comments)
        ),
        _section("Test evidence", _quoted(evidence, EVIDENCE_LENGTH)),
        "\n".join(_plain(skills)),
        _section("About this repository", _known(knowledge)),
        steering.block(directives),
        _section(
            "What to do", [*_resuming(resumed), *_revising(purpose, revision), _order(purpose, base, commit)]
        ),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _section(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {heading}", *lines]) if lines else ""


def _where(purpose: str, branch: str, base: str, commit: str) -> list[str]:
    at = "The commit to judge" if purpose in ("review", "test") else "The worktree starts at commit"
    named = (("Branch", branch), ("Base commit", base), (at, commit))
    return [f"{name}: {one_line(value)}" for name, value in named if value]


def _command(test: str) -> list[str]:
    """As a shell shows it, so that no line of a long command stands alone."""
    return [f"    {'>' if index else '$'} {line}" for index, line in enumerate(_lines(test))]


def _comments_heading(purpose: str, revision: int) -> str:
    if purpose == "execute" and revision:
        return f"Why the work was sent back (revision {revision})"
    return "What was said about this task"


def _order(purpose: str, base: str, commit: str) -> str:
    return _ORDERS.get(purpose, _OTHER).format(base=one_line(base), commit=one_line(commit))


def _resuming(resumed: bool) -> list[str]:
    if not resumed:
        return []
    words = (
        "You have worked on this already, up to now. The files are as you left them: look, mind what the operator "
        "says, then go on from there."
    )
    return [words]


def _revising(purpose: str, revision: int) -> list[str]:
    if purpose != "execute" or not revision:
        return []
    return ["Your earlier work on this branch was rejected. Answer every point above; keep what was right."]


def _known(knowledge: Sequence[Mapping[str, str]]) -> list[str]:
    """Files that are written for who works here are named: they lie in the worktree."""
    files = [item["path"] for item in knowledge if not item["body"] and item["path"]]
    told = [f"{item['title']}\n{item['body']}" for item in knowledge if item["body"]]
    if files:
        told.append(f"Read first what it asks of who works here: {', '.join(map(one_line, files))}")
    return _quoted("\n\n".join(told), KNOWLEDGE_LENGTH)


def _plain(text: str) -> list[str]:
    """As it is, but for lines that could pass for a steering block or a verdict."""
    return [f"> {line}" if _OURS.match(line) else line for line in _lines(text)]


def _quoted(text: str, most: int) -> list[str]:
    return [f"> {line}".rstrip() for line in _lines(_bounded(redact(text), most))]


def _bounded(text: str, most: int) -> str:
    """Its beginning and, for tests end with their result, more of its end."""
    if len(text) <= most:
        return text
    head = most // 4
    tail = most - head
    return f"{text[:head]}\n[… {len(text) - most} characters left out …]\n{text[-tail:]}"


def _join(blocks: Iterator[list[str]]) -> list[str]:
    """With an empty line between."""
    lines: list[str] = []
    for block in blocks:
        lines += ["", *block] if lines and block else block
    return lines


def _lines(text: str) -> list[str]:
    return [visible(line).rstrip() for line in text.strip().splitlines()]
