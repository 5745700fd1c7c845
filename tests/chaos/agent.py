"""An agent of the Agent Client Protocol that writes down all it hears, uses and is allowed: `agent.py NOTES`.

Each of its lives has a file of its own in the directory NOTES, a JSON object a line. It makes the file of its task, or
judges that of another, and takes a second prompt into the running turn. One that is cut goes on in its session.
"""

# ruff: noqa: PTH105, PTH109, PTH118, SIM115

from __future__ import annotations

import json
import os
import queue
import re
import sys
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

TASK = re.compile(r"Title: Task (\d+) of plan (\d+)")
DIRECTIVE = re.compile(r"Directive \d+ of the operator")
# tokens of each answer of its model
TOKENS = 100
NAME = "opencode"


class Agent:
    def __init__(self, notes: str) -> None:
        _, self.team, self.run = os.environ["MAESTRO_MARK"].split(":")
        self.notes = notes
        self.file = open(os.path.join(notes, f"{os.getpid()}-{time.time_ns()}.jsonl"), "w", buffering=1)
        self.answers: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self.waiting: list[Any] = []
        self.session, self.done = "", 0
        self.output = threading.Lock()

    def note(self, what: str, **more: Any) -> None:
        self.file.write(json.dumps({"at": time.time(), "what": what, **more}) + "\n")

    def send(self, **message: Any) -> None:
        with self.output:
            os.write(1, json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")

    def update(self, **update: Any) -> None:
        self.send(method="session/update", params={"sessionId": self.session, "update": update})

    def say(self, text: str, **more: Any) -> None:
        self.update(sessionUpdate="agent_message_chunk", content={"type": "text", "text": text}, **more)

    # ── what it is asked ─────────────────────────────────────────────────────────────────────────────────────────

    def listen(self) -> None:
        self.note("born", run=self.run, team=self.team, worktree=os.getcwd())
        for line in sys.stdin.buffer:
            said = json.loads(line)
            match said.get("method"):
                case "initialize":
                    can = {"loadSession": True}
                    found = {"protocolVersion": 1, "agentInfo": {"name": NAME}, "agentCapabilities": can}
                    self.send(id=said["id"], result=found)
                case "session/new":
                    self.session = f"{os.getpid()}-{time.time_ns()}"
                    self.send(id=said["id"], result={"sessionId": self.session})
                case "session/load":
                    self.load(said["params"]["sessionId"])
                    self.send(id=said["id"], result={})
                case "session/prompt":
                    self.hear(said["id"], said["params"]["prompt"][0]["text"])
                case None:
                    outcome = said["result"]["outcome"]
                    self.answers.put(outcome.get("optionId") == "yes")
                case _ if "id" in said:
                    self.send(id=said["id"], error={"code": -32601, "message": "not here"})

    def load(self, session: str) -> None:
        self.session = session
        with open(os.path.join(self.notes, f"{session}.session")) as file:
            self.done = int(file.read())

    def hear(self, number: Any, text: str) -> None:
        first = not self.waiting
        self.waiting.append(number)
        self.note("prompt" if first else "heard", directives=DIRECTIVE.findall(text))
        if first:
            threading.Thread(target=self.work, args=(text,), daemon=True).start()

    # ── what it does ─────────────────────────────────────────────────────────────────────────────────────────────

    def work(self, text: str) -> None:
        task, plan = TASK.search(text).groups()
        key = f"p{plan}-t{task}"
        judges = text.startswith("You are the review")
        steps = self.judging(key, task) if judges else self.making(key, task, "was sent back" in text)
        for number, step in enumerate(steps):
            if number >= self.done:
                step()
                self.remember(number + 1)
        self.note("end")
        for number in self.waiting:
            self.send(id=number, result={"stopReason": "end_turn"})

    def remember(self, done: int) -> None:
        place = os.path.join(self.notes, f"{self.session}.session")
        with open(f"{place}.new", "w") as file:
            file.write(str(done))
        os.replace(f"{place}.new", place)

    def making(self, key: str, task: str, again: bool) -> list[Callable[[], None]]:
        asks = {"0": f"publish {key} {self.run}", "1": f"forbidden {key} {self.run}"}.get(task)
        return [
            self.use,
            lambda: time.sleep(0.5),
            lambda: self.ask(asks) if asks else None,
            self.use,
            lambda: time.sleep(0.7),
            lambda: self.write(f"{key}.txt", f"{self.run} {'revised' if again else ''}\n"),
            self.use,
            lambda: self.say("Made it.\n"),
        ]

    def judging(self, key: str, task: str) -> list[Callable[[], None]]:
        return [self.use, lambda: time.sleep(0.3), lambda: self.judge(key, task)]

    def judge(self, key: str, task: str) -> None:
        with open(f"{key}.txt") as file:
            sound = task != "2" or "revised" in file.read()
        self.say("VERDICT: APPROVED\n" if sound else "VERDICT: REJECTED — once more, please\n")

    def use(self) -> None:
        self.note("using")
        self.say("", _meta={"usage": {"inputTokens": TOKENS - 10, "outputTokens": 10}})
        self.note("used")

    def write(self, path: str, text: str) -> None:
        with open(path, "w") as file:
            file.write(text)

    def ask(self, command: str) -> None:
        call = {"toolCallId": str(time.time_ns()), "kind": "execute", "rawInput": {"command": command}}
        options = [
            {"optionId": "yes", "kind": "allow_once", "name": "yes"},
            {"optionId": "no", "kind": "reject_once", "name": "no"},
        ]
        params = {"sessionId": self.session, "toolCall": call, "options": options}
        self.note("asks", command=command)
        self.send(id="q", method="session/request_permission", params=params)
        self.note("allowed" if self.answers.get() else "refused", command=command)
        self.say("Went on.\n")


if __name__ == "__main__":
    Agent(sys.argv[1]).listen()
