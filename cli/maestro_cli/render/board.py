"""What a person watches: events of a team in, lines of text out. No terminal and no clock in here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from maestro_cli.render.out import printable, typed
from maestro_cli.render.permission import PERMISSION, permission_lines
from maestro_ray.model.silence import sentence

Event = Mapping[str, Any]

# where the words of a line begin, behind the name of who it is about
INDENT = 14


@dataclass
class Board:
    """The state of one team as far as its events tell it."""

    workers: dict[str, str]
    tasks: dict[str, str] = field(default_factory=dict)
    titles: dict[str, str] = field(default_factory=dict)
    plan: str = ""
    directives: int = 0
    decisions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    waiting: bool = False
    burn: str = ""
    # workers whose agents wait for leave, since when in Unix seconds
    since: dict[str, float] = field(default_factory=dict)
    # the plan that was proposed last, with its card, until that is answered
    proposed: Mapping[str, Any] = field(default_factory=dict)

    def take(self, event: Event) -> list[str]:
        """Take in an event; the lines of a plain log it is worth, mostly none or one."""
        handler = getattr(self, "_" + str(event["kind"]).replace(".", "_"), None)
        if handler is None:
            return []
        self.waiting = False
        return [line for line in handler(event, event.get("body") or {}) or [] if line]

    def lines(self, now: float) -> list[tuple[str, str]]:
        """Each member and what it does; `now` in Unix seconds."""
        return [
            (
                name,
                f"waits for permission, {max(0, now - self.since[name]):.0f} s"
                if name in self.since
                else doing,
            )
            for name, doing in self.workers.items()
        ]

    @property
    def done(self) -> int:
        return sum(1 for status in self.tasks.values() if status in ("merged", "completed", "cancelled"))

    # ── the team's channel ───────────────────────────────────────────────────────────────────────────────────────

    def _run_started(self, event: Event, body: Event) -> list[str]:
        doing = f"{run_word(body['purpose'])} {printable(body['title'])}"
        self.workers[event["sender"]] = doing
        return [_line(event["sender"], doing)]

    def _run_ended(self, event: Event, body: Event) -> list[str]:
        self.workers[event["sender"]] = "idle"
        failed = "failed: " if body["action"] == "fail" else ""
        told = [printable(line) for line in str(body["summary"]).splitlines() if line.strip()] or [""]
        return [
            _line(
                event["sender"],
                f"{run_word(body['purpose'])} {printable(body['title'])}: {failed}{told[0][:300]}",
            ),
            *(f"{'':{INDENT}}{line[:300]}" for line in (told[1:20] if failed else ())),
        ]

    def _subtask_refused(self, event: Event, body: Event) -> list[str]:
        what, why = printable(body["subtask"])[:100], printable(body["reason"])[:300]
        return [_line(event["sender"], f"subtask refused: {what}: {why}")]

    def _post(self, event: Event, body: Event) -> list[str]:
        return [_line(event["sender"], f"says: {printable(body['text'])[:300]}")]

    def _hook_denied(self, event: Event, body: Event) -> list[str]:
        return [_line(event["sender"], f"a hook denies ({body['event']}): {printable(body['reason'])[:300]}")]

    def _hook_failed(self, event: Event, body: Event) -> list[str]:
        return [_line(event["sender"], f"a hook for {body['event']}: {printable(body['reason'])[:300]}")]

    def _mcp_left_out(self, event: Event, body: Event) -> list[str]:
        what, why = printable(body["server"]), printable(body["reason"])[:300]
        return [_line(event["sender"], f"goes on without the MCP server {what}: {why}")]

    def _blocker(self, event: Event, body: Event) -> list[str]:
        return [_line(event["sender"], f"blocked: {printable(body['text'])[:300]}")]

    def _blocker_refused(self, event: Event, body: Event) -> list[str]:
        what, why = printable(body["blocker"])[:100], printable(body["reason"])[:300]
        return [_line(event["sender"], f"blocker refused: {what}: {why}")]

    def _decision_refused(self, event: Event, body: Event) -> list[str]:
        what, why = printable(body["decision"])[:100], printable(body["reason"])[:300]
        return [_line(event["sender"], f"question refused: {what}: {why}")]

    def _run_paused(self, event: Event, body: Event) -> list[str]:
        self.workers[event["sender"]] = f"paused: {printable(str(body['reason']))}"
        return [_line(event["sender"], self.workers[event["sender"]])]

    def _run_waits(self, event: Event, body: Event) -> list[str]:
        run = printable(str(body["run"]))[-8:]
        verdict = "" if body["purpose"] == "execute" else " --approve | --reject REASON"
        self.workers[event["sender"]] = f"waits for you: {printable(str(body['title']))}"
        return [
            _line(event["sender"], f"waits for you, in {printable(str(body['worktree']))}"),
            f"{'':{INDENT}}maestro task done {run}{verdict}",
        ]

    def _run_resumed(self, event: Event, _body: Event) -> list[str]:
        return [_line(event["sender"], "goes on where it was cut")]

    def _directive(self, _event: Event, body: Event) -> list[str]:
        self.directives += 1
        return [_line("operator", f"⚑ {printable(body['text'])}")]

    def _receipt(self, event: Event, body: Event) -> list[str]:
        return [_line(event["sender"], f"⚑ delivered ({body['how']})")]

    def _cleared(self, _event: Event, _body: Event) -> list[str]:
        self.directives = 0
        return [_line("operator", "⚑ steering cleared")]

    def _worker_joined(self, _event: Event, body: Event) -> list[str]:
        self.workers.setdefault(body["worker"], "idle")
        return [_line(body["worker"], "joined the team")]

    def _worker_left(self, _event: Event, body: Event) -> list[str]:
        self.workers.pop(body["worker"], None)
        return [_line(body["worker"], "left the team")]

    def _text(self, event: Event, _body: Event) -> list[str]:
        last = next((line for line in reversed(str(event["text"]).splitlines()) if printable(line)), "")
        if (last and " · " in self.workers.get(event["sender"], "")) or self.workers.get(
            event["sender"], "idle"
        ) != "idle":
            doing = self.workers[event["sender"]].partition(" · ")[0]
            self.workers[event["sender"]] = f"{doing} · {printable(last)}" if last else doing
        return []

    # ── Studio ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _task_updated(self, event: Event, _body: Event) -> list[str]:
        task = event["task"]
        before = self.tasks.get(task["id"])
        self.tasks[task["id"]], self.titles[task["id"]] = task["status"], task["title"]
        if task["status"] == before or task["status"] not in ("merged", "cancelled", "waiting_for_resume"):
            return []
        return [_line("task", f"{printable(task['title'])}: {task['status'].replace('_', ' ')}")]

    def _verdict_given(self, event: Event, _body: Event) -> list[str]:
        verdict = event["verdict"]
        reason = f" — {printable(verdict['reason'])[:300]}" if verdict["reason"] else ""
        title = printable(self.titles.get(verdict["task_id"], ""))
        return [_line("verdict", f"{verdict['verdict']} {title} @ {verdict['commit'][:10]}{reason}")]

    def _plan_updated(self, event: Event, _body: Event) -> list[str]:
        plan = event["plan"]
        if plan["status"] == self.plan:
            return []
        self.plan = plan["status"]
        return [_line("plan", f"{printable(plan['title'])}: {plan['status']}")]

    def _merge_conflict(self, event: Event, _body: Event) -> list[str]:
        return [_line("conflict", printable(event["reason"])[:300])]

    def _decision_requested(self, event: Event, _body: Event) -> list[str]:
        card = event["decision"]
        self.decisions[card["id"]] = card
        if card["kind"] == PERMISSION:
            question = permission_lines(card)
            worker = str(card["about"]["worker"])
            self.since[worker] = float(card.get("created_at") or event.get("at") or 0.0)
        else:
            question = [printable(line) for line in card["question"].splitlines() if line.strip()][:20]
        answers = [
            f"{'':{INDENT}}maestro decide {card['id'][-8:]} {typed(option)}" for option in card["options"]
        ]
        return [
            _line("decide", f"{card['kind']}: {question[0]}"),
            *(f"{'':{INDENT}}{line}" for line in question[1:]),
            *answers,
        ]

    def _decision_answered(self, event: Event, _body: Event) -> list[str]:
        card = event["decision"]
        self.decisions.pop(card["id"], None)
        if card.get("kind") == PERMISSION:
            self.since.pop(str(card["about"]["worker"]), None)
        if self.proposed and self.proposed["decision"]["id"] == card["id"]:
            if card["answer"] == "reject":  # nobody will ever do its tasks
                for task in self.proposed["plan"]["tasks"]:
                    self.tasks.pop(task["id"], None)
            self.proposed = {}
        why = f": {printable(card['reason'])[:300]}" if card.get("reason") else ""
        said = f"answered: {printable(card['answer'])}{why}" if card["answer"] else card["status"]
        return [_line("decide", said)]

    def _permission_denied(self, event: Event, body: Event) -> list[str]:
        first = printable(body["command"])[:100]
        return [_line(event["sender"], f"denied: {first}: {printable(body['reason'])[:300]}")]

    def _permission_late(self, event: Event, body: Event) -> list[str]:
        return [_line(event["sender"], f"the answer {body['answer']!r} came too late and changed nothing")]

    def _budget_updated(self, event: Event, _body: Event) -> list[str]:
        """Told every few seconds: on a log it would drown the rest."""
        self.burn = str(event["team"]["burn"])
        return []

    def _plan_proposed(self, event: Event, _body: Event) -> list[str]:
        plan, card = event["plan"], event["decision"]
        self.proposed = {"plan": plan, "decision": card}
        self.decisions[card["id"]] = card
        self.titles |= {task["id"]: task["title"] for task in plan["tasks"]}
        return [
            _line("proposed", line) if not n else f"{'':{INDENT}}{line}"
            for n, line in enumerate(plan_lines(plan))
        ]

    def _team_waiting(self, _event: Event, _body: Event) -> list[str]:
        self.waiting = True
        return []

    # ── the team itself ──────────────────────────────────────────────────────────────────────────────────────────

    def _worker_lost(self, event: Event, _body: Event) -> list[str]:
        self.workers[event["worker"]] = "lost; it will be back"
        return [_line(event["worker"], "lost; its run is queued again")]

    def _worker_silent(self, event: Event, _body: Event) -> list[str]:
        told = sentence(event["seconds"], printable(event["last"]))
        doing = self.workers.get(event["worker"], "").partition(" · ")[0]
        self.workers[event["worker"]] = f"{doing} · {told}" if doing else told
        return [_line(event["worker"], told)]

    def _digest(self, event: Event, body: Event) -> list[str]:
        return [_line(event["sender"], printable(body["text"])[:500])]

    def _worker_up(self, event: Event, _body: Event) -> list[str]:
        if "lost" in self.workers.get(event["worker"], ""):
            self.workers[event["worker"]] = "idle"
            return [_line(event["worker"], f"back, pid {event['pid']}")]
        return []

    def _report_refused(self, event: Event, _body: Event) -> list[str]:
        return [_line("report", f"refused: {printable(event['reason'])}")]

    def _team_ending(self, event: Event, _body: Event) -> list[str]:
        return [_line("team", f"ending: {printable(event['reason'])}")]


def plan_lines(plan: Mapping[str, Any]) -> list[str]:
    """A plan that was proposed: its title, then a line for each task."""
    lines = [f"{printable(plan['title'])}, {len(plan['tasks'])} task{'s' if len(plan['tasks']) != 1 else ''}"]
    if plan["test"]:
        lines.append(f"test: {printable(plan['test'])[:200]}")
    for task in plan["tasks"]:
        after = f" after {', '.join(map(printable, task['depends_on']))}" if task["depends_on"] else ""
        about = next(iter(task["description"].splitlines()), "")
        lines.append(
            f"{printable(task['key'])} ({printable(task['role'])}{after}): {printable(task['title'])}"
        )
        lines += [f"    {printable(about)[:200]}"] if about.strip() else []
    return lines


def summary_rows(plan: Mapping[str, Any]) -> list[list[str]]:
    """One row a task: task, status, runs, verdicts, commits, time."""
    verdicts: dict[str, list[str]] = {}
    for each in plan["verdicts"]:
        verdicts.setdefault(each["task"], []).append(each["verdict"])
    return [
        [
            printable(task["title"]),
            task["status"],
            str(task["runs"]),
            _counted(verdicts.get(task["id"], [])),
            " ".join(commit[:7] for commit in task["commits"]) or "-",
            f"{task['seconds']:.1f}s",
        ]
        for task in plan["tasks"]
    ]


SUMMARY_HEAD = ["task", "status", "runs", "verdicts", "commits", "time"]


def _counted(verdicts: Sequence[str]) -> str:
    words = [
        f"{verdicts.count(word)} {word.lower()}" for word in ("REJECTED", "APPROVED") if word in verdicts
    ]
    return ", ".join(words) or "-"


def run_word(purpose: str) -> str:
    """What a run of this purpose does, as people say it."""
    words = {"execute": "develop", "bootstrap_epic": "begin epic", "release_cleanup": "clean up"}
    return words.get(purpose, purpose)


def _line(who: str, what: str) -> str:
    return f"{who:<{INDENT}}{what}"
