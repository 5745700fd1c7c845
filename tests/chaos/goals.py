"""Work that goes through all that real agents need: a goal and its planning turn, a budget that is reached and raised,
permission cards that are answered late, two reviewers who must agree, hooks, and directives in the middle of a turn."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

from chaos.agent import TOKENS
from chaos.work import Work
from e2e.machine import Machine

from maestro_ray.connection.call import Line
from maestro_ray.errors import MaestroError, NoTeam
from maestro_ray.home import Home

TASKS = 4
CAP = 13 * TOKENS
AGAIN = "again"
AGENT = Path(__file__).with_name("agent.py")
CONFIG = """
[team]
attempts = 5
[review]
reviewers = 2
policy = "majority"
[providers.noted]
kind = "acp"
argv = {argv}
[roles.dev.permissions]
ask = ["Bash(publish*)"]
unattended = "allow"
[roles.review.permissions]
unattended = "allow"
"""
# what the hook hears is kept, each time in a file of its own; `forbidden` is denied
HOOK = """
[[hooks.{event}]]
command = "f={place}/{event}-$$-$(date +%N); cat > $f.new && mv $f.new $f.json{more}"
"""
DENY = "; ! grep -q forbidden $f.json || {{ echo 'not that' >&2; exit 2; }}"
EVENTS = ("SessionStart", "RunStart", "RunEnd", "PreMerge", "Verdict", "Steering", "PreToolUse")
# seconds between two directives, and how long a card waits for its answer at most
STEERED, LATE = 4.0, 4.0
# one directive in so many is followed by clearing all
CLEARED = 4


@dataclass
class Said:
    """A directive: when the operator first said it, when that was accepted and by which teams."""

    text: str
    first: float
    accepted: float = 0.0
    teams: tuple[str, ...] = ()


@dataclass
class Goals(Work):
    """Each team is given a goal. `dice` decide when the operator does what."""

    dice: random.Random = field(default_factory=random.Random)
    directives: list[Said] = field(default_factory=list)
    # when the operator began to clear, when that was accepted, and the teams
    cleared: list[tuple[float, float, tuple[str, ...]]] = field(default_factory=list)
    # answers that were taken although the card had been answered
    twice: list[str] = field(default_factory=list)
    # cards that were open although nobody could answer them any more
    orphans: dict[str, float] = field(default_factory=dict)
    _due: dict[str, float] = field(default_factory=dict)
    _steer_at: float = 0.0
    _clearing: float = 0.0
    _said: int = 0

    reviewers: ClassVar[int] = 2

    @classmethod
    def on(cls, machine: Machine) -> Self:
        work = cls(machine, machine.repository("work"))
        for each in (work.notes, work.heard_by_hooks):
            each.mkdir()
        argv = json.dumps([sys.executable, "-I", "-S", str(AGENT), str(work.notes)])
        hooks = [
            HOOK.format(event=event, place=work.heard_by_hooks, more=DENY if event == "PreToolUse" else "")
            for event in EVENTS
        ]
        with (machine.home / "config.toml").open("a") as file:
            file.write(CONFIG.format(argv=argv) + "".join(hooks).replace("{{", "{").replace("}}", "}"))
        return work

    @property
    def notes(self) -> Path:
        return self.machine.directory / "notes"

    @property
    def heard_by_hooks(self) -> Path:
        return self.machine.directory / "hooks"

    # ── teams ────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        self.begun += 1
        script = self.machine.directory / f"lead-{self.begun}.toml"
        script.write_text(_lead(self.begun))
        words = ["--dev", "2", "--review", "2", "--test", "1", "--max-tokens", str(CAP)]
        for role in ("dev", "review"):
            words += ["--provider", f"{role}=noted"]
        with self.log.open("wb") as log:
            self.watch = subprocess.Popen(
                [sys.executable, "-m", "maestro_cli.main", "team", *words, "--provider",
                 f"lead=scripted:{script}", f"Plan number {self.begun}"],
                cwd=self.repo, env=self.machine.env, stdout=log, stderr=log,
            )  # fmt: skip

    def idle(self) -> bool:
        return super().idle() and not self.rows("SELECT 1 FROM teams WHERE status = 'active'")

    def plans(self, title: str = "") -> list[dict[str, Any]]:
        """A proposal that was sent back is no plan."""
        return [plan for plan in super().plans(title) if plan["status"] != "cancelled"]

    def files(self, title: str) -> list[str]:
        number = title.split()[1]
        return [f"p{number}-t{task}.txt" for task in range(TASKS)]

    def broken(self) -> list[str]:
        from chaos import promises

        return promises.broken(self)

    # ── the operator ─────────────────────────────────────────────────────────────────────────────────────────────

    def answer(self) -> list[str]:
        """Each card after a while of its own, and then a second time in other words."""
        now = time.time()
        self._steer(now)
        answered = []
        for card in self.rows("SELECT * FROM decisions WHERE status = 'open'"):
            due = self._due.setdefault(card["id"], now + self.dice.uniform(0.0, LATE))
            if now < due:
                continue
            options = json.loads(card["options"])
            word = self._word(card, options)
            if not self._decide(card["id"], word):
                self._look_for_orphan(card, now)
                continue
            answered.append(f"{card['question'].splitlines()[0]} {word}")
            other = next(each for each in [*reversed(options)] if each != word)
            # by its whole id: an answered card is in no list
            if self._decide(card["id"], other):
                self.twice.append(f"{card['question']}: {word}, then {other}")
        self.answered += len(answered)
        return answered

    def _word(self, card: dict[str, Any], options: list[str]) -> str:
        match card["kind"]:
            case "permission":
                return self.dice.choice(["allow", "allow", "allow-run", "deny"])
            case "proposal":
                plan = self.rows("SELECT title FROM plans WHERE id = ?", [card["plan_id"]])[0]["title"]
                return "reject" if int(plan.split()[1]) % 2 == 0 and AGAIN not in plan else "approve"
            case "budget":
                return self.dice.choice(["raise", "raise", "finish"])
            case _:
                return "retry" if "retry" in options else options[0]

    def _decide(self, card: str, word: str) -> bool:
        why = {"reason": "once more"} if word == "reject" else {}
        with suppress(MaestroError), self._line() as line:
            line.call("decide.answer", id=card, answer=word, **why)
            return True
        return False

    def _look_for_orphan(self, card: dict[str, Any], now: float) -> None:
        run = self.rows("SELECT state FROM runs WHERE id = ?", [card["run_id"]]) if card["run_id"] else []
        if card["kind"] == "permission" and run and run[0]["state"] in ("succeeded", "failed", "cancelled"):
            self.orphans.setdefault(card["id"], now)

    def _steer(self, now: float) -> None:
        """What got no answer is said again, in the same words, until it has one or there is no team."""
        if self._clearing:
            self._clear()
            return
        waiting = self.directives[-1] if self.directives and not self.directives[-1].accepted else None
        if (
            waiting is None
            and now >= self._steer_at
            and self.rows("SELECT 1 FROM teams WHERE status = 'active'")
        ):
            self._said += 1
            waiting = Said(f"Directive {self._said} of the operator", now)
            self.directives.append(waiting)
        if waiting is None:
            return
        try:
            with self._line() as line:
                answer = line.call("steer", repo=str(self.repo), text=waiting.text)
        except MaestroError as error:
            if NoTeam.template in str(error):
                self.directives.remove(waiting)
            return
        waiting.accepted, waiting.teams = time.time(), tuple(each["name"] for each in answer["teams"])
        self._steer_at = now + self.dice.uniform(0.0, 2 * STEERED)
        if self.dice.randrange(CLEARED) == 0:
            self._clearing = time.time()

    def _clear(self) -> None:
        with suppress(MaestroError), self._line() as line:
            answer = line.call("steering.clear", repo=str(self.repo))
            self.cleared.append((self._clearing, time.time(), tuple(answer["teams"])))
            self._clearing = 0.0

    def _line(self) -> Line:
        return Line(Home.find(self.machine.env).daemon_socket, timeout=20)


def _lead(number: int) -> str:
    """A script that plans, and plans again when it is sent back."""
    turns = []
    for revision, title in ((0, f"Plan {number}"), (None, f"Plan {number} {AGAIN}")):
        tasks = [
            {"key": f"p{number}-t{task}", "title": f"Task {task} of plan {number}", "role": "dev"}
            | ({"depends_on": [f"p{number}-t0"]} if task == TASKS - 1 else {})
            for task in range(TASKS)
        ]
        plan = json.dumps({"title": title, "test": "sleep 0.2; ls *.txt", "tasks": tasks})
        only = "" if revision is None else f"revision = {revision}\n"
        turns.append(
            f'[[turns]]\npurpose = "plan"\n{only}'
            f"steps = [{{ usage = {{ input = {TOKENS - 10}, output = 10 }} }}, {{ wait = 0.5 }},\n"
            f"  {{ say = '''\n~~~json\n{plan}\n~~~\n''' }}]\n"
        )
    return "\n".join(turns)
