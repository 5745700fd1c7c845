"""A plan as a person writes it down: TOML with phases and tasks, or a few `--task` texts."""

from __future__ import annotations

import graphlib
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from maestro_ray.errors import PlanFileError, UsageError
from maestro_ray.model.skill import DEFAULT_PROFICIENCY, proficiency
from maestro_ray.toml import Table, as_table, did_you_mean, read_toml

TITLE_LENGTH = 200
TEST_LENGTH = 8_000  # it travels in an environment variable, and a kernel takes no more than 128 KiB in one

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ROLE = re.compile(r"[a-z][a-z0-9-]{0,31}")
_TASK_KEYS = ("id", "title", "description", "depends", "role", "skill", "proficiency", "test", "priority")


@dataclass(frozen=True)
class TaskDraft:
    """One task. `key` is its `id` in the file, `depends` the keys of tasks to be done before it; both are unique.

    `proficiency` is 1 to 5, `priority` −1000 to 1000 with the higher first, `test` empty for the plan's own.
    """

    key: str
    title: str
    description: str = ""
    depends: tuple[str, ...] = ()
    role: str = "dev"
    skill: str = ""
    proficiency: int = DEFAULT_PROFICIENCY
    test: str = ""
    priority: int = 0


@dataclass(frozen=True)
class PhaseDraft:
    """Tasks under one heading (empty when the plan has no phases). Only `depends` orders work, phases do not."""

    title: str
    tasks: tuple[TaskDraft, ...]


@dataclass(frozen=True)
class PlanDraft:
    """A whole plan: at least one task, every dependency known, no cycle. `base` and `test` may be empty."""

    title: str
    phases: tuple[PhaseDraft, ...]
    base: str = ""
    test: str = ""
    description: str = ""

    @property
    def tasks(self) -> tuple[TaskDraft, ...]:
        return tuple(task for phase in self.phases for task in phase.tasks)


def parse_plan(text: str, path: str) -> PlanDraft:
    """The plan in this TOML text. Raises `PlanFileError(path, line, column, message)` and nothing else."""
    return _plan(read_toml(text, path, PlanFileError))


def from_json(data: object) -> PlanDraft:
    """The plan in a plain dict of the file's shape. Raises `PlanFileError` at line 1, column 1."""
    return _plan(as_table(data, "plan", PlanFileError))


def task_from_json(data: object) -> TaskDraft:
    """The task in a plain dict of a task's shape, without `depends`. Raises `PlanFileError` at line 1, column 1."""
    return _task(as_table(data, "task", PlanFileError), 1)


def to_json(plan: PlanDraft) -> dict[str, Any]:
    """A plain dict of the file's shape; `from_json` gives the same plan again."""
    top = {"title": plan.title, "base": plan.base, "test": plan.test, "description": plan.description}
    if len(plan.phases) == 1 and not plan.phases[0].title:
        return {**top, "tasks": [_task_json(task) for task in plan.tasks]}
    phases = [
        {"title": phase.title, "tasks": [_task_json(task) for task in phase.tasks]} for phase in plan.phases
    ]
    return {**top, "phases": phases}


def tasks_as_plan(texts: Sequence[str]) -> PlanDraft:
    """The plan of `--task TEXT…`: independent tasks, each titled by its first line. Raises `UsageError`."""
    tasks: list[TaskDraft] = []
    for number, text in enumerate(texts, 1):
        if not (title := _first_line(text)):
            raise UsageError(f"--task number {number} is empty", "write in words what is to be done")
        key = _free_key(_slug(title) or f"task-{number}", {task.key for task in tasks})
        tasks.append(TaskDraft(key, title, text.strip()))
    if not tasks:
        raise UsageError("there is no task", "write in words what is to be done: --task TEXT")
    more = f" and {len(tasks) - 1} more" if len(tasks) > 1 else ""
    return PlanDraft(tasks[0].title + more, (PhaseDraft("", tuple(tasks)),))


def _plan(top: Table) -> PlanDraft:
    top.only("title", "description", "base", "test", "phases", "tasks")
    title = _title(top)
    drafts = list(_phases(top))
    phases = tuple(PhaseDraft(name, tuple(task for _, task in tasks)) for name, tasks in drafts)
    tasks = [pair for _, pairs in drafts for pair in pairs]
    if not tasks:
        raise top.mistake("the plan has no tasks: add a [[tasks]] table with a title")
    _check_keys(tasks)
    _check_depends(tasks)
    _check_cycles(tasks)
    return PlanDraft(title, phases, _one_line(top, "base"), _test(top), top.text("description"))


Placed = tuple[Table, TaskDraft]


def _phases(top: Table) -> Iterator[tuple[str, list[Placed]]]:
    if "phases" in top and "tasks" in top:
        raise top.mistake("a plan has either [[phases]] with [[phases.tasks]], or [[tasks]] alone", "tasks")
    count = 0
    for phase in top.tables("phases"):
        phase.only("title", "tasks")
        tasks = [(table, _task(table, count := count + 1)) for table in phase.tables("tasks")]
        if not tasks:
            raise phase.mistake("this phase has no tasks: add a [[phases.tasks]] table below it")
        yield _title(phase), tasks
    if alone := top.tables("tasks"):
        yield "", [(table, _task(table, number)) for number, table in enumerate(alone, 1)]


def _task(table: Table, number: int) -> TaskDraft:
    table.only(*_TASK_KEYS)
    title = _title(table)
    return TaskDraft(
        key=_word(table, "id", _KEY, "letters, digits, '-', '_' and '.'") or _slug(title) or f"task-{number}",
        title=title,
        description=table.text("description"),
        depends=tuple(dict.fromkeys(table.texts("depends"))),
        role=_word(table, "role", _ROLE, "small letters, digits and '-'") or "dev",
        skill=_word(table, "skill", _KEY, "letters, digits, '-', '_' and '.'"),
        proficiency=_proficiency(table),
        test=_test(table),
        priority=_priority(table),
    )


def _title(table: Table) -> str:
    if "title" not in table:
        raise table.mistake("a title is missing")
    title = _one_line(table, "title")
    if not title:
        raise table.mistake("the title is empty", "title")
    if len(title) > TITLE_LENGTH:
        raise table.mistake(f"the title is longer than {TITLE_LENGTH} characters; use description", "title")
    return title


def _one_line(table: Table, key: str) -> str:
    text = table.text(key).strip()
    if text != _printable(text):
        raise table.mistake(f"{key!r} must be one line without control characters", key)
    return text


def _test(table: Table) -> str:
    text = table.text("test").strip()
    if "\0" in text or len(text) > TEST_LENGTH:
        raise table.mistake("'test' must be a shell command; put a long one into a script", "test")
    return text


def _word(table: Table, key: str, shape: re.Pattern[str], words: str) -> str:
    """The key's text; empty means the same as absent."""
    text = table.text(key)
    if text and not shape.fullmatch(text):
        raise table.mistake(f"{key} {text!r} must be made of {words}", key)
    return text


def _proficiency(table: Table) -> int:
    try:
        return proficiency(table.raw("proficiency")) if "proficiency" in table else DEFAULT_PROFICIENCY
    except ValueError as bad:
        raise table.mistake(str(bad), "proficiency") from None


def _priority(table: Table) -> int:
    priority = table.whole("priority", 0)
    if abs(priority) > 1000:
        raise table.mistake("'priority' must be from -1000 to 1000", "priority")
    return priority


def _check_keys(tasks: Sequence[Placed]) -> None:
    seen: set[str] = set()
    for table, task in tasks:
        if task.key in seen:
            made = "" if "id" in table else " (made from its title; give it an id of its own)"
            raise table.mistake(f"another task has the id {task.key!r} already{made}", "id")
        seen.add(task.key)


def _check_depends(tasks: Sequence[Placed]) -> None:
    known = [task.key for _, task in tasks]
    for table, _ in tasks:
        for index, key in enumerate(table.texts("depends")):
            if key not in known:
                raise table.mistake(
                    f"there is no task with the id {key!r}{did_you_mean(key, known)}", "depends", index
                )


def _check_cycles(tasks: Sequence[Placed]) -> None:
    try:
        graphlib.TopologicalSorter({task.key: task.depends for _, task in tasks}).prepare()
    except graphlib.CycleError as error:
        cycle = error.args[1][:0:-1]  # it lists what comes before first and repeats the first at the end
        first = next(index for index, (_, task) in enumerate(tasks) if task.key in cycle)
        turn = cycle.index(tasks[first][1].key)
        words = " → ".join([*cycle[turn:], *cycle[:turn], cycle[turn]])
        raise tasks[first][0].mistake(f"these tasks wait for each other: {words}", "depends") from None


def _task_json(task: TaskDraft) -> dict[str, Any]:
    values = {
        "id": task.key,
        "title": task.title,
        "description": task.description,
        "depends": list(task.depends),
    }
    return values | {key: getattr(task, key) for key in ("role", "skill", "proficiency", "test", "priority")}


def _first_line(text: str) -> str:
    """The first line that says something, at most 72 characters."""
    line = next((clean for line in text.splitlines() if (clean := _printable(line).strip())), "")
    return line if len(line) <= 72 else line[:71].rstrip() + "…"


def _printable(text: str) -> str:
    """Without control characters, line separators and lone surrogates."""
    return "".join(c for c in text if unicodedata.category(c) not in ("Cc", "Zl", "Zp", "Cs"))


def _slug(title: str) -> str:
    """ASCII words joined by dashes, at most 40 characters; empty when nothing is left."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40].rstrip("-")


def _free_key(wanted: str, taken: set[str]) -> str:
    number = 1
    key = wanted
    while key in taken:
        number += 1
        key = f"{wanted}-{number}"
    return key
