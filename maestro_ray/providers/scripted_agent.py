"""The scripted agent's program: plays one turn, JSON lines out, steering lines in.

It uses the standard library only, and little of that, as it starts once a turn.
"""

# ruff: noqa: PTH103, PTH105, PTH108, PTH110, PTH118, PTH119, PTH120, PTH206

from __future__ import annotations

import json
import os
import queue
import sys
import threading
import time

TYPE_CHECKING = False  # `typing` would cost as much as everything else here
if TYPE_CHECKING:
    from typing import Any, NoReturn

POLL = 0.02

_output = threading.Lock()
# what is said of a question that was asked; one is open at a time
_refusals: queue.SimpleQueue[str] = queue.SimpleQueue()


class OverError(Exception):
    """The turn ends here with this event."""

    def __init__(self, **event: Any) -> None:
        super().__init__()
        self.event = event


class Player:
    """Takes the steps in order. `exit_code` is that of the last `run`.

    `memory` is the file that says which step it is at; one that resumes goes on there.
    """

    def __init__(self, worktree: str, memory: str, turn: str, resume: bool) -> None:
        self.worktree = os.path.realpath(worktree)
        self.memory = memory
        self.turn = turn
        self.resume = resume
        self.index = 0
        self.exit_code = 0

    def play(self, steps: list[tuple[str, Any, dict[str, Any]]]) -> dict[str, Any]:
        """The event that ends the turn."""
        first = self.resumed_at()
        for self.index, (do, value, options) in enumerate(steps[first:], first):
            try:
                self.remember(self.index)
                getattr(self, do)(value, **options)
            except OverError as over:
                return over.event
            except (OSError, UnicodeError) as error:
                return {
                    "failed": f"{do} {value}: {getattr(error, 'strerror', None) or error}",
                    "retryable": True,
                }
        return {"finished": self.exit_code}

    def resumed_at(self) -> int:
        """The first step to take: the one in which this same turn was cut, or the one after its rate limit, else 0."""
        if not self.resume:
            return 0
        try:
            with open(self.memory, encoding="utf-8") as file:
                return int(json.load(file).get(self.turn, 0))
        except FileNotFoundError:
            return 0

    def remember(self, index: int) -> None:
        """In one step: whoever comes after a cut reads the number before, or this one."""
        with open(f"{self.memory}.new", "w", encoding="utf-8") as file:
            json.dump({self.turn: index}, file)
        os.replace(f"{self.memory}.new", self.memory)

    def say(self, text: str) -> None:
        emit(say=text)

    def verdict(self, text: str) -> None:
        emit(say=f"VERDICT: {text}")

    def usage(self, usage: dict[str, Any]) -> None:
        emit(usage=usage)

    def wait(self, seconds: float) -> None:
        time.sleep(seconds)

    def until(self, path: str) -> None:
        while not os.path.exists(os.path.join(self.worktree, path)):
            time.sleep(POLL)

    def fail(self, reason: str, retryable: bool) -> None:
        raise OverError(failed=reason, retryable=retryable)

    def rate_limit(self, seconds: float) -> None:
        self.remember(self.index + 1)
        emit(rate_limit=seconds)
        raise OverError(failed=f"rate limited for {seconds:g} s", retryable=True)

    def sign_out(self, reason: str) -> None:
        raise OverError(failed=reason, signed_out=True)

    def retry(self, reason: str) -> None:
        emit(retry=1, wait=0.0, reason=reason)

    def ask(self, command: str) -> None:
        """Runs the command if somebody gives leave, and goes on without it if not."""
        emit(asks=str(self.index), tool="run", detail=command)
        if refusal := _refusals.get():
            emit(returned="run", ok=False, detail=refusal)
            emit(output=f"refused: {refusal}")
        else:
            self.run(command, may_fail=True)

    def edit(self, path: str, **change: str) -> None:
        emit(tool="edit", detail=path)
        place = self.inside(path)
        text = (
            change["text"]
            if "text" in change
            else self.replaced(place, path, change["replace"], change["with"])
        )
        os.makedirs(os.path.dirname(place), exist_ok=True)
        with open(place, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        emit(returned="edit", ok=True, detail=path)

    def replaced(self, place: str, path: str, old: str, new: str) -> str:
        with open(place, encoding="utf-8", newline="") as file:
            text = file.read()
        if (times := text.count(old)) != 1:
            raise OverError(
                failed=f"edit {path}: the text to replace is there {times} times, not once", retryable=False
            )
        return text.replace(old, new)

    def delete(self, path: str) -> None:
        emit(tool="delete", detail=path)
        # a link is deleted, not what it points to
        os.unlink(os.path.join(self.inside(os.path.dirname(path)), os.path.basename(path)))
        emit(returned="delete", ok=True, detail=path)

    def inside(self, path: str) -> str:
        """The real place of a path; the turn fails when a link leads out of the worktree or to git's own files."""
        place = os.path.realpath(os.path.join(self.worktree, path))
        parts = os.path.relpath(place, self.worktree).split(os.sep)
        if os.pardir in parts or ".git" in parts:
            raise OverError(failed=f"{path} leads out of the worktree", retryable=False)
        return place

    def run(self, command: str, may_fail: bool) -> None:
        import subprocess

        emit(tool="run", detail=command)
        last = ""
        with subprocess.Popen(
            ["sh", "-c", command],
            cwd=self.worktree,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        ) as process:
            assert process.stdout
            while line := process.stdout.readline(4096):
                text = line.decode(errors="replace").rstrip("\n")
                last = text.strip() or last
                emit(output=text)
        self.exit_code = process.returncode
        emit(returned="run", ok=self.exit_code == 0, detail=f"exit code {self.exit_code}")
        if self.exit_code and not may_fail:
            raise OverError(failed=f"`{command}` exited with code {self.exit_code}: {last}", retryable=True)


def listen(rest: bytes) -> None:
    """Take steering whenever it comes, also in the middle of a step."""
    while (line := read_line(rest)) is not None:
        found, rest = line
        try:
            heard = json.loads(found)
            if "answer" in heard:
                _refusals.put(str(heard["refusal"]))
                continue
            directive, text = heard["directive"], heard["text"]
        except (ValueError, KeyError, TypeError):
            continue
        emit(taken=directive)
        emit(output=f"steered: {text}")


def read_line(rest: bytes) -> tuple[bytes, bytes] | None:
    """The next line of standard input and what came after it; None at the end.

    Not through `sys.stdin`: its buffer's lock, held by a waiting thread, would block the interpreter's exit.
    """
    while b"\n" not in rest:
        if not (data := os.read(0, 65_536)):
            return None
        rest += data
    line, _, rest = rest.partition(b"\n")
    return line, rest


def emit(**event: Any) -> None:
    with _output:
        write(event)


def write(event: dict[str, Any]) -> None:
    data = json.dumps(event).encode() + b"\n"
    while data:
        data = data[os.write(1, data) :]


def main() -> NoReturn:
    first = read_line(b"")
    if first is None:
        sys.exit("the first line of standard input must be the turn to play")
    turn = json.loads(first[0])
    threading.Thread(target=listen, args=(first[1],), daemon=True).start()
    emit(session=turn["session"])
    end = Player(turn["worktree"], turn["memory"], turn["turn"], turn["resume"]).play(turn["steps"])
    with _output:
        write(end)
        os._exit(0)


if __name__ == "__main__":
    main()
