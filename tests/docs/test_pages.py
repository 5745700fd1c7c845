from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from maestro_cli.invocation import _GLOBAL

from .generate import commands
from .markdown import DOCS, ROOT, anchors, blocks, links, pages

ROLES_OF_THE_EXAMPLES = {"--docs"}


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", pages(), ids=names)
def test_links_lead_somewhere(page: Path) -> None:
    for link in links(page):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{names(page)}: {link}"
        assert not anchor or anchor in anchors(target), f"{names(page)}: {link}"


def test_every_page_can_be_reached_from_the_index() -> None:
    reached, todo = set(), [DOCS / "index.md"]
    while todo:
        page = todo.pop()
        if page in reached:
            continue
        reached.add(page)
        found = [
            (page.parent / link.partition("#")[0]).resolve() for link in links(page) if "://" not in link
        ]
        todo += [each for each in found if each.suffix == ".md"]

    assert reached >= {page.resolve() for page in DOCS.rglob("*.md")}


@pytest.mark.parametrize("page", pages(), ids=names)
def test_commands_in_the_documentation_exist(page: Path) -> None:
    known = dict(commands())
    for line in _commands_in(page):
        words = shlex.split(line, comments=True)
        command = next((" ".join(words[:n]) for n in (3, 2, 1) if " ".join(words[:n]) in known), "")
        assert command != "maestro" or words[1:2] in ([], ["--version"], ["--help"]), line
        options = {option for each in known[command].params for option in (*each.opts, *each.secondary_opts)}
        ours = words[: words.index("--")] if "--" in words else words
        for word in ours:
            if word.startswith("--"):
                assert word in {*options, *_GLOBAL, *ROLES_OF_THE_EXAMPLES, "--help"}, f"{word} in: {line}"


def test_make_knows_what_the_readme_asks_of_it() -> None:
    text = "".join(block.text for block in blocks(ROOT / "README.md") if block.kind == "sh")
    targets = re.findall(r"^make (\w+)", text, re.MULTILINE)

    assert targets == ["demo", "test"]
    for target in targets:
        assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


def _commands_in(page: Path) -> list[str]:
    found = []
    for block in blocks(page):
        text = block.text.replace("\\\n", " ")
        if block.kind == "console":
            found += re.findall(r"^\$ (maestro .*)$", text, re.MULTILINE)
        elif block.kind == "sh":
            found += re.findall(r"^(maestro .*)$", text, re.MULTILINE)
    return found


@pytest.mark.parametrize("page", pages(), ids=names)
def test_prose_has_one_sentence_a_line(page: Path) -> None:
    in_block = False
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        in_block ^= line.startswith("```")
        if in_block or line.startswith(("|", "#", "*", "`")) or re.match(r"\d+\. ", line):
            continue
        assert not re.search(r"[a-z`)][.!?] [A-Z`]", line), f"{names(page)}:{number}: {line}"
