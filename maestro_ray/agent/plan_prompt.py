"""The text with which an agent is asked for a plan, and the one with which it is asked to mend it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from maestro_ray.agent.plan_reply import MOST_TASKS, PLAN_KEYS, TASK_KEYS
from maestro_ray.model import steering
from maestro_ray.model.plain_text import one_line, visible
from maestro_ray.redaction import redact

# in characters: of one thing that is known about the repository, of all of them, and of a reply that is shown again
LONGEST_FACT, ALL_FACTS, LONGEST_REPLY = 1_000, 16_000, 16_000
MOST_FILES = 100

_ORDER = (
    "Look at the repository in this worktree, as far as you need to, and change no file. Then propose a plan for the "
    "goal: tasks that members of the team can do, each in a worktree of its own, each small enough for one review. "
    "A task is merged on its own verdict, so it must leave the tests green. Let a task depend on another only if it "
    "needs that one's work; what depends on nothing is done at the same time."
)
_SHAPE = f"""\
End with exactly one fenced JSON block and nothing after it, of this form:

```json
{{
  "title": "The plan in a few words",
  "description": "What it is for",
  "test": "the shell command that tests the whole",
  "tasks": [
    {{"key": "parser", "title": "One line", "description": "What to do, and how to see that it is done"}},
    {{"key": "docs", "title": "One line", "description": "…", "depends_on": ["parser"], "role": "dev"}}
  ]
}}
```

Keys of the plan: {", ".join(PLAN_KEYS)}. Keys of a task: {", ".join(TASK_KEYS)}; `key` and `title` are needed, no
others than these are known. `role` and `skill` are of the team below, `test` is a task's own command, `priority` is a
number and the higher goes first. There are at most {MOST_TASKS} tasks, and fewer are better."""


def build_plan_prompt(
    goal: str,
    *,
    project: str,
    crew: Mapping[str, Mapping[str, Any]],
    files: Sequence[str],
    test: str = "",
    facts: Sequence[str] = (),
    rejected: Sequence[str] = (),
    wrong: Sequence[str] = (),
    reply: str = "",
    directives: Sequence[str] = (),
    resumed: bool = False,
) -> str:
    """The prompt of one turn, sections in a fixed order, ending in a newline.

    `goal` is the operator's. `crew` has for each role its `count` and `skills`; `files` are the top-level entries and
    `test` the command they suggest; `facts` are what was found out before, `rejected` the plans that the operator did
    not want, with the reasons. `reply` is an earlier one, with `wrong` in it. What others than the operator wrote is
    quoted, every line behind `> `.
    """
    sections = [
        f"You are the lead of a team that works on the project {one_line(project)}. You plan, others do the work.",
        section("Goal", [visible(line).rstrip() for line in goal.strip().splitlines()]),
        section("Team", [_role(role, each) for role, each in crew.items()]),
        section("Repository", repository(files, test)),
        section("What is known about it", facts_of(facts)),
        section(
            "Plans the operator has rejected",
            [line for each in rejected for line in [*quoted(each, LONGEST_REPLY), ""]][:-1],
        ),
        section("Your reply before", quoted(reply, LONGEST_REPLY)),
        section("What is wrong with it", [f"* {one_line(each)}" for each in wrong]),
        steering.block(directives),
        section("What to do", [*_resuming(resumed), _ORDER, "", _SHAPE]),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def build_repair_prompt(wrong: Sequence[str], directives: Sequence[str] = ()) -> str:
    """What is said to an agent that remembers its reply."""
    sections = [
        section("What is wrong with your plan", [f"* {one_line(each)}" for each in wrong]),
        steering.block(directives),
        section("What to do", ["Give the whole plan again, without these mistakes.", "", _SHAPE]),
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def section(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([f"## {heading}", *lines]) if lines else ""


def _role(role: str, each: Mapping[str, Any]) -> str:
    skills = ", ".join(f"{name} at {level}" for name, level in sorted(each["skills"].items()))
    return f"* {each['count']} × {one_line(role)}" + (f", skills: {one_line(skills)}" if skills else "")


def repository(files: Sequence[str], test: str) -> list[str]:
    more = f" and {len(files) - MOST_FILES} more" if len(files) > MOST_FILES else ""
    shown = ", ".join(one_line(each) for each in files[:MOST_FILES])
    lines = [f"Top-level entries: {shown}{more}"] if files else []
    return [*lines, *([f"Its tests are probably run with: {one_line(test)}"] if test else [])]


def facts_of(facts: Sequence[str]) -> list[str]:
    lines: list[str] = []
    room = ALL_FACTS
    for fact in facts:
        shown = quoted(fact, LONGEST_FACT)
        room -= sum(map(len, shown))
        if room < 0:
            return [*lines, "> …"]
        lines += shown
    return lines


def _resuming(resumed: bool) -> list[str]:
    return ["You were cut while you worked on this: go on from there."] if resumed else []


def quoted(text: str, most: int) -> list[str]:
    text = redact(text).strip()
    cut = text if len(text) <= most else text[:most] + " …"
    return [f"> {visible(line)}".rstrip() for line in cut.splitlines()]
