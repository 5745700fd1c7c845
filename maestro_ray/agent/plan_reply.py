"""A plan as an agent proposes it: one JSON block in what it says, read as strictly as what nobody wrote on purpose.

The words are those of a plan file, with `key` and `depends_on` for its `id` and `depends`. Every mistake is named with
its place, so that the agent can mend all of them at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from maestro_ray.agent.json_reply import MOST_TOLD, BadReply, quoted, read_block, refuse
from maestro_ray.errors import PlanFileError
from maestro_ray.model.plan_file import PlanDraft, from_json
from maestro_ray.model.skill import proficiency
from maestro_ray.toml import did_you_mean

# of one plan; of one description, and of a key that is compared with others, in characters
MOST_TASKS = 50
LONGEST_TEXT, LONGEST_KEY = 16_000, 64

PLAN_KEYS = ("title", "description", "test", "tasks")
TASK_KEYS = ("key", "title", "description", "depends_on", "role", "skill", "proficiency", "test", "priority")

_UNSOUND = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Crew:
    """Who is there to do it: the skills (slug to proficiency) of each role, and whether somebody runs test commands."""

    roles: Mapping[str, Mapping[str, int]]
    tests: bool = False


def read_reply(text: str, crew: Crew) -> PlanDraft:
    """The plan in the last JSON block of the text. Raises `BadReply` and nothing else, whatever the text is."""
    value = read_block(text)
    refuse(_plan(value, crew))
    try:
        return from_json(_as_file(value))
    except PlanFileError as bad:
        raise BadReply([f"plan: {bad.args[3]}"]) from None


def _plan(value: Any, crew: Crew) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"the block must be an object with {', '.join(PLAN_KEYS)}"
        return
    yield from _unknown("", value, PLAN_KEYS)
    for key in ("title", "description", "test"):
        yield from _text(key, value, key, needed=key == "title")
    tasks = value.get("tasks")
    if not isinstance(tasks, list) or not tasks:
        yield "tasks: must be a list of at least one task"
    elif len(tasks) > MOST_TASKS:
        yield f"tasks: {len(tasks)} are too many, {MOST_TASKS} are the most"
    else:
        known = [task["key"] for task in tasks if isinstance(task, dict) and isinstance(task.get("key"), str)]
        for index, task in enumerate(tasks):
            yield from _task(f"tasks[{index}]", task, known, crew, tested=bool(value.get("test")))
        yield from _twice(known)


def _task(place: str, task: Any, known: Sequence[str], crew: Crew, *, tested: bool) -> Iterator[str]:
    if not isinstance(task, dict):
        yield f"{place}: must be an object with {', '.join(TASK_KEYS)}"
        return
    yield from _unknown(f"{place}.", task, TASK_KEYS)
    for key in ("key", "title", "description", "role", "skill", "test"):
        yield from _text(f"{place}.{key}", task, key, needed=key in ("key", "title"))
    depends = task.get("depends_on", [])
    if not isinstance(depends, list):
        yield f"{place}.depends_on: must be a list of keys"
    else:
        for index, key in enumerate(depends):
            if not isinstance(key, str) or key not in known:
                like = _like(key, known) if isinstance(key, str) else ""
                yield f"{place}.depends_on[{index}]: there is no task with the key {quoted(key)}{like}"
    yield from _doer(place, task, crew)
    if crew.tests and not tested and not task.get("test"):
        yield f"{place}.test: the team has a tester, and neither the plan nor the task names a test command"


def _doer(place: str, task: Mapping[str, Any], crew: Crew) -> Iterator[str]:
    role, skill = task.get("role") or "dev", task.get("skill")
    if not isinstance(role, str) or role not in crew.roles:
        yield f"{place}.role: the team has no {quoted(role)}; it has {', '.join(sorted(crew.roles))}"
        return
    try:
        level = proficiency(task["proficiency"]) if "proficiency" in task else 0
    except (ValueError, TypeError):
        yield f"{place}.proficiency: must be a whole number from 1 to 5"
        return
    if skill and isinstance(skill, str) and crew.roles[role].get(skill, 0) < max(level, 1):
        has = ", ".join(f"{name} at {at}" for name, at in sorted(crew.roles[role].items())) or "none"
        yield f"{place}.skill: no {role} has {quoted(skill)} at {max(level, 1)}; skills there: {has}"


def _like(key: str, known: Sequence[str]) -> str:
    """A guess, among words short enough to be compared at all."""
    return (
        did_you_mean(key, [each for each in known if len(each) <= LONGEST_KEY])
        if len(key) <= LONGEST_KEY
        else ""
    )


def _unknown(place: str, value: Mapping[str, Any], keys: Sequence[str]) -> Iterator[str]:
    for key in sorted(value.keys() - set(keys))[:MOST_TOLD]:
        yield f"{place}{quoted(key)[1:-1]}: there is no such key; those there are: {', '.join(keys)}"


def _text(place: str, value: Mapping[str, Any], key: str, *, needed: bool) -> Iterator[str]:
    given = value.get(key)
    if given is None or given == "":
        if needed:
            yield f"{place}: is missing"
    elif not isinstance(given, str):
        yield f"{place}: must be a text"
    elif _UNSOUND.search(given):
        yield f"{place}: holds a NUL or half a character"
    elif len(given) > LONGEST_TEXT:
        yield f"{place}: is longer than {LONGEST_TEXT} characters"


def _twice(known: Sequence[str]) -> Iterator[str]:
    for key in sorted({key for key in known if known.count(key) > 1}):
        yield f"tasks: the key {quoted(key)} is given twice"


def _as_file(value: Mapping[str, Any]) -> dict[str, Any]:
    """The same in the words of a plan file, without what says nothing."""
    top = {key: value[key] for key in ("title", "description", "test") if value.get(key)}
    names = {"key": "id", "depends_on": "depends"}
    tasks = [
        {names.get(key, key): each for key, each in task.items() if each not in (None, "")}
        for task in value["tasks"]
    ]
    return {**top, "tasks": tasks}
