"""A tutorial's blocks as a reader meets them: commands typed one after the other, and the output that is shown."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .markdown import Block

# what differs from run to run: times, ids and hashes, numbers of processes and ports, the width of a column
_VARIES = re.compile(
    r"(?P<time> *\b\d+\.\d+(?:s| ms)\b)|(?P<id>\b(?=[0-9a-f]*\d)[0-9a-f]{6,40}\b)|(?P<number>\b\d{3,}\b)"
    r"|(?P<any>…)|(?P<column> {2,})"
)
_EXIT = re.compile(r"\[exit code (\d+)\]")


@dataclass(frozen=True)
class Step:
    """One command, the lines it is shown to print (None: nobody looks), and its exit code."""

    place: str
    command: str
    shown: tuple[str, ...] | None
    exit_code: int = 0


@dataclass
class Shell:
    """Where the reader is, and what the ids of the text are called in this run; `memory` is a file elsewhere."""

    directory: Path
    memory: Path
    env: Mapping[str, str]
    timeout: float
    ids: dict[str, str] = field(default_factory=dict)

    def run(self, step: Step) -> None:
        """Type the command and compare. Raises `AssertionError` with both texts."""
        command = re.sub(r"\b[0-9a-f]{6,40}\b", lambda found: self.ids.get(found[0], found[0]), step.command)
        done = subprocess.run(
            ["bash", "-c", f"trap 'pwd > \"$READER_MEMORY\"' EXIT\n{command}"],
            cwd=self.directory,
            env={**self.env, "READER_MEMORY": str(self.memory)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=self.timeout,
            check=False,
        )
        self.directory = Path(self.memory.read_text().removesuffix("\n"))
        told = f"{step.place}: {command}\n--- printed\n{done.stdout}"
        assert done.returncode == step.exit_code, f"exit code {done.returncode}, not {step.exit_code}\n{told}"
        if step.shown is not None:
            found = expected(step.shown, self.ids).fullmatch(_plain(done.stdout))
            assert found, f"{told}--- shown\n" + "\n".join(step.shown)
            self.ids |= {name.removeprefix("id_"): text for name, text in found.groupdict().items()}


def steps(block: Block) -> Iterator[Step]:
    """A ```sh block is one script whose output nobody sees; a ```console block has a `$` before each command."""
    if block.kind == "sh":
        yield Step(block.place, "set -e\n" + block.text, None)
    elif block.kind == "console":
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            yield _step(block.place, part.rstrip("\n").split("\n"))


def _step(place: str, lines: list[str]) -> Step:
    command, *rest = lines
    while rest and rest[0].startswith("> "):
        command += "\n" + rest.pop(0)[2:]
    code = _EXIT.fullmatch(rest[-1]) if rest else None
    if code:
        rest.pop()
    return Step(place, command, tuple(rest), int(code[1]) if code else 0)


def expected(lines: tuple[str, ...], known: Mapping[str, str]) -> re.Pattern[str]:
    """What the output must look like. A line that is only `…` stands for any lines; an id means the same everywhere."""
    seen: set[str] = set()
    parts = []
    for line in lines:
        if line.strip() == "…":
            parts.append(r"(?:[^\n]*\n)*?")
        else:
            parts.append(_pattern(line.rstrip(), known, seen) + r" *\n")
    return re.compile("".join(parts))


def _pattern(line: str, known: Mapping[str, str], seen: set[str]) -> str:
    text, at = "", 0
    for found in _VARIES.finditer(line):
        text += re.escape(line[at : found.start()]) + _varying(found, known, seen)
        at = found.end()
    return text + re.escape(line[at:])


def _varying(found: re.Match[str], known: Mapping[str, str], seen: set[str]) -> str:
    simple = {"time": r" *\d+\.\d+(?:s| ms)", "number": r"\d+", "any": r"[^\n]*", "column": r" {2,}"}
    if found.lastgroup != "id":
        return simple[str(found.lastgroup)]
    if found[0] in known:
        return re.escape(known[found[0]])
    if found[0] in seen:
        return f"(?P=id_{found[0]})"
    seen.add(found[0])
    return f"(?P<id_{found[0]}>[0-9a-f]{{{len(found[0])}}})"


def _plain(output: str) -> str:
    """With a newline at its end, unless there is nothing."""
    return output if not output or output.endswith("\n") else output + "\n"
