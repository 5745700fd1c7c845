"""Markdown as the documentation uses it: fenced blocks, tables, links, and sections that a program writes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

_BLOCK = re.compile(r"^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")


@dataclass(frozen=True)
class Block:
    """A fenced block. `kind` is the first word after the fence, `about` the rest, `line` where it begins, from 1."""

    page: Path
    line: int
    kind: str
    about: str
    text: str

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    return [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]


def blocks(page: Path) -> Iterator[Block]:
    text = page.read_text(encoding="utf-8")
    for found in _BLOCK.finditer(text):
        kind, _, about = found["info"].strip().partition(" ")
        yield Block(page, text.count("\n", 0, found.start()) + 1, kind, about.strip(), found["text"])


def prose(page: Path) -> str:
    """The text without its blocks."""
    return _BLOCK.sub("", page.read_text(encoding="utf-8"))


def links(page: Path) -> list[str]:
    return _LINK.findall(prose(page))


def anchors(page: Path) -> set[str]:
    """The names of the headings, as a link ends in them."""
    heads = re.findall(r"^#+ +(.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


def section(page: Path, heading: str) -> str:
    """What stands below a heading, up to the next of the same or a higher level."""
    text = page.read_text(encoding="utf-8")
    head = re.search(rf"^(#+) +{re.escape(heading)}$", text, re.MULTILINE)
    assert head, f"{page.name} has no heading {heading!r}"
    rest = text[head.end() :]
    end = re.search(
        rf"^#{{1,{len(head[1])}}} ", _BLOCK.sub(lambda block: "x" * len(block[0]), rest), re.MULTILINE
    )
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """The cells of every table row in the text, heads and rules left out."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    table = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    rules = [
        number for number, cells in enumerate(table) if all(re.fullmatch(r":?-+:?", cell) for cell in cells)
    ]
    out = {*rules, *(number - 1 for number in rules)}
    return [cells for number, cells in enumerate(table) if number not in out]


def code(cell: str) -> str:
    """The first word in backticks of a cell, or an empty string."""
    found = re.search(r"`([^`]+)`", cell)
    return found[1] if found else ""


def fill(text: str, name: str, generated: str) -> str:
    """The text with what stands between the marks of a generated section replaced."""
    begin, end = f"<!-- generated: {name} -->", f"<!-- end of {name} -->"
    before, found, rest = text.partition(begin)
    _, ends, after = rest.partition(end)
    assert found, f"there is no section {begin}"
    assert ends, f"the section {begin} has no end"
    return f"{before}{begin}\n\n{generated.strip()}\n\n{end}{after}"
