"""A permission: what an agent may do, by rules of its role about tools, paths and commands.

Of all rules that name what is asked the strictest counts: deny, then ask, then allow. What no rule names is ruled by
`unattended`. Rules keep well-meaning agents from mistakes; what nothing gets past is the box.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from maestro_ray.model.command_line import UNKNOWN, Simple, commands
from maestro_ray.model.glob import may_match, must_match, path_matches


class Ruling(StrEnum):
    ALLOW = "allow"
    ASK = "ask"
    DENY = "deny"


class Tool(StrEnum):
    """What any agent's tools are, in our words."""

    SHELL = "shell"
    EDIT = "edit"
    READ = "read"
    FETCH = "fetch"
    MCP = "mcp"
    OTHER = "other"


_STRICTNESS = {ruling: rank for rank, ruling in enumerate(Ruling)}

# in small letters: the names of Claude Code, Codex, the Agent Client Protocol and its agents, and scripts
_KINDS = {
    **dict.fromkeys((
        "shell", "bash", "command", "commandexecution", "exec", "exec_command", "execute", "run",
        "run_shell_command", "run_command", "shell_command", "local_shell", "terminal", "killshell", "bashoutput",
    ), Tool.SHELL),
    **dict.fromkeys((
        "edit", "write", "multiedit", "notebookedit", "filechange", "apply_patch", "patch", "write_file", "replace",
        "delete", "move", "str_replace_editor",
    ), Tool.EDIT),
    **dict.fromkeys((
        "read", "glob", "grep", "ls", "notebookread", "read_file", "read_many_files", "list", "list_directory",
        "search", "search_file_content",
    ), Tool.READ),
    **dict.fromkeys((
        "fetch", "webfetch", "websearch", "web_fetch", "web_search", "google_web_search",
    ), Tool.FETCH),
    "mcp": Tool.MCP, "mcptoolcall": Tool.MCP, "other": Tool.OTHER,
}  # fmt: skip

_RULE = re.compile(r"(\*|[A-Za-z_][\w.:*/-]*)(?:\((.*)\))?", re.DOTALL)
# places that are no files, and those of which nobody keeps anything
NOWHERE = frozenset({"/dev/null", "/dev/stdout", "/dev/stderr", "/dev/tty"})
_TEMPORARY = ("/tmp/", "/var/tmp/")  # noqa: S108 - named to be left out
# what can be looked at, and waited for, without a box and without asking
_HARMLESS = (
    "ls", "ls *", "pwd", "cat *", "head *", "tail *", "wc *", "grep *", "true", "false", "echo *", "printf *",
    "cd *", "test *", "sleep *", "git status", "git status *", "git diff", "git log",
)  # fmt: skip


def kind_of(tool: str) -> Tool:
    """Our word for an agent's own name of a tool."""
    name = tool.lower()
    if name in _KINDS:
        return _KINDS[name]
    return Tool.MCP if name.startswith("mcp__") or "." in name else Tool.OTHER


def stricter(*rulings: Ruling) -> Ruling:
    return max(rulings, key=_STRICTNESS.__getitem__, default=Ruling.ALLOW)


@dataclass(frozen=True)
class Place:
    """Where an agent works: every spelling of its worktree, and the person's home; absolute paths."""

    worktrees: tuple[str, ...] = ("/",)
    home: str = "/"

    def spelled(self, path: str) -> tuple[str, bool]:
        """The path as rules name it, and whether it is inside: then it is relative to the worktree, else absolute."""
        if path == "~" or path.startswith("~/"):
            path = self.home + path[1:]
        whole = _normal(posixpath.join(self.worktrees[0], path))
        for top in map(_normal, self.worktrees):
            if whole == top or whole.startswith(top.rstrip("/") + "/"):
                return posixpath.relpath(whole, top), True
        return whole, False


# what makes another place of every relative path behind it, and how many such places are looked at
_MOVES = frozenset({"cd", "pushd", "popd"})
_MOST_PLACES = 16


def written_by(parts: Sequence[Simple]) -> list[str]:
    """The files that these commands may write to, `UNKNOWN` where only the shell knows which one it is."""
    places = [""]
    for each in parts:
        if _MOVES & set(each.words):
            places += _moved(places, each.words)
    return [found for each in parts for path in each.writes for found in _spellings_of(path, places)]


def _moved(places: Sequence[str], words: Sequence[str]) -> list[str]:
    """Where else a shell may be after it: nobody says whether the command was reached."""
    match words:
        case ["cd", to] if not to.startswith(("-", "~")) and len(places) < _MOST_PLACES:
            return [posixpath.join(place, to) for place in places]
    return [UNKNOWN]


def _spellings_of(path: str, places: Sequence[str]) -> list[str]:
    if path == "~" or path.startswith(("/", "~/")):
        return [path]
    # of another user, or where the shell was before
    return [UNKNOWN] if path.startswith("~") else [posixpath.join(place, path) for place in places]


def _normal(path: str) -> str:
    # POSIX gives two slashes at the beginning a meaning of their own; Linux does not
    return re.sub(r"\A//+", "/", posixpath.normpath(path))


@dataclass(frozen=True)
class Question:
    """What an agent wants to do: its own name of the tool, exactly what, and the paths or the address it is about."""

    tool: str
    detail: str
    about: tuple[str, ...] = ()

    @property
    def kind(self) -> Tool:
        return kind_of(self.tool)


@dataclass(frozen=True)
class Rule:
    """`name` is one of our words, an agent's own name in small letters, maybe with `*`, or `*`.

    Without a `pattern` it is about all of it.
    """

    ruling: Ruling
    name: str
    pattern: str | None = None

    @classmethod
    def read(cls, ruling: Ruling, text: str) -> Rule:
        """`NAME`, `NAME(PATTERN)` or `*`. Raises `ValueError`."""
        match = _RULE.fullmatch(text.strip())
        if match is None:
            raise ValueError(
                f"{text!r} is no rule: it is a tool, or a tool with a pattern, as Bash(git push*)"
            )
        name = match[1].lower()
        pattern = match[2]
        return cls(ruling, _KINDS.get(name, name), None if pattern in (None, "", "*", "**") else pattern)

    @property
    def text(self) -> str:
        return self.name if self.pattern is None else f"{self.name}({self.pattern})"

    @property
    def kinds(self) -> frozenset[Tool]:
        """What it may be about."""
        anything = "*" in self.name and not self.name.startswith("mcp")
        return frozenset(Tool) if anything else frozenset({kind_of(self.name)})

    def is_about(self, tool: str) -> bool:
        return self.name in ("*", kind_of(tool)) or must_match(self.name, tool.lower())


@dataclass(frozen=True)
class Decision:
    """`why` is for the agent, and for whoever reads the record."""

    ruling: Ruling
    why: str = ""


@dataclass(frozen=True)
class Policy:
    """The rules of one run, and what holds for everything they do not name. What `further` rules, of others, can only
    be stricter."""

    rules: tuple[Rule, ...] = ()
    unattended: Ruling = Ruling.ALLOW
    further: Policy | None = None

    @property
    def asks(self) -> frozenset[Tool]:
        """What the agent must not do without a question, or not at all."""
        theirs = self.further.asks if self.further else frozenset()
        return theirs | {each for each in Tool if self._hinders(each)}

    @property
    def refuses(self) -> frozenset[Tool]:
        """What need not even be offered."""
        whole = {rule.name for rule in self.rules if rule.ruling is Ruling.DENY and rule.pattern is None}
        theirs = self.further.refuses if self.further else frozenset()
        return theirs | {each for each in Tool if whole & {each, "*"}}

    def _hinders(self, tool: Tool) -> bool:
        rules = [rule for rule in self.rules if tool in rule.kinds]
        if any(rule.ruling is not Ruling.ALLOW for rule in rules):
            return True
        named = any(rule.pattern is None and rule.name in (tool, "*") for rule in rules)
        return self.unattended is not Ruling.ALLOW and not named

    def decide(self, question: Question, place: Place) -> Decision:
        """What is to become of it."""
        own = self._decide(question, place)
        return _strictest([own, self.further.decide(question, place)]) if self.further else own

    def _decide(self, question: Question, place: Place) -> Decision:
        rules = [rule for rule in self.rules if rule.is_about(question.tool)]
        match question.kind:
            case Tool.SHELL:
                return self._shell(rules, question.detail, place, question.about)
            case Tool.EDIT | Tool.READ if question.about:
                return _strictest(self._path(rules, path, place) for path in question.about)
            case Tool.EDIT | Tool.READ:
                return self._unknown(rules, "it does not say which file")
            case _:
                return _strictest(self._text(rules, text) for text in question.about or (question.detail,))

    def _shell(self, rules: Sequence[Rule], text: str, place: Place, leads: Sequence[str] = ()) -> Decision:
        """`leads` is where links in what it writes to lead."""
        # an agent that does not say it in the words of a shell may mean anything
        parts = None if not text.strip() or text.lstrip().startswith('{"') else commands(text)
        if parts is None:
            return self._unknown(rules, "it cannot be said for certain what this command runs")
        edits = [rule for rule in self.rules if rule.is_about(Tool.EDIT)]
        written = [self._written(edits, path, place) for path in (*written_by(parts), *leads)]
        return _strictest([self._command(rules, each) for each in parts] + written)

    def _command(self, rules: Sequence[Rule], part: Simple) -> Decision:
        if not part.words:
            return Decision(Ruling.ALLOW)

        def names(rule: Rule) -> bool:
            if rule.ruling is Ruling.ALLOW:
                return must_match(rule.pattern or "*", part.text)
            return any(may_match(rule.pattern or "*", each) for each in part.spellings())

        return self._of([rule for rule in rules if names(rule)])

    def _written(self, edits: Sequence[Rule], path: str, place: Place) -> Decision:
        """Where a shell's output goes is an edit like any other, but for what is only put aside."""
        if path in NOWHERE:
            return Decision(Ruling.ALLOW)
        if UNKNOWN not in path and place.spelled(path)[0].startswith(_TEMPORARY):
            edits = [rule for rule in edits if rule.pattern is not None] + [Rule(Ruling.ALLOW, Tool.EDIT)]
        return self._path(edits, path, place)

    def _path(self, rules: Sequence[Rule], path: str, place: Place) -> Decision:
        return self._of([rule for rule in rules if _names_path(rule, path, place)])

    def _text(self, rules: Sequence[Rule], text: str) -> Decision:
        return self._of([rule for rule in rules if must_match(rule.pattern or "*", text)])

    def _unknown(self, rules: Sequence[Rule], why: str) -> Decision:
        """It may be whatever any rule against it names."""
        against = self._of(
            [rule for rule in rules if rule.ruling is not Ruling.ALLOW or rule.pattern is None]
        )
        unnamed = [] if any(rule.pattern is None for rule in rules) else [self._of([])]
        found = _strictest([against, *unnamed])
        return found if found.ruling is Ruling.ALLOW else Decision(found.ruling, f"{why}; {found.why}")

    def _of(self, rules: Sequence[Rule]) -> Decision:
        if not rules:
            return Decision(self.unattended, _UNNAMED)
        rule = max(rules, key=lambda each: _STRICTNESS[each.ruling])
        return Decision(rule.ruling, f"the rule {rule.ruling} {rule.text}")


_UNNAMED = "no rule names it"


def _names_path(rule: Rule, path: str, place: Place) -> bool:
    if rule.pattern is None:
        return True
    if UNKNOWN in path:
        return rule.ruling is not Ruling.ALLOW
    spelled, inside = place.spelled(path)
    pattern = rule.pattern
    if pattern == "~" or pattern.startswith("~/"):
        pattern = place.home + pattern[1:]
    if not pattern.startswith("/"):
        return inside and path_matches(posixpath.normpath(pattern), spelled)
    pattern = _normal(pattern)
    wholes = [_normal(posixpath.join(top, spelled)) for top in place.worktrees] if inside else [spelled]
    return any(path_matches(pattern, whole) for whole in wholes)


def _strictest(decisions: Iterable[Decision]) -> Decision:
    # with nothing in it, a command does nothing
    return max(decisions, key=lambda each: _STRICTNESS[each.ruling], default=Decision(Ruling.ALLOW))


@dataclass(frozen=True)
class Situation:
    """What else a policy follows from: the run's purpose, whether a box holds, and the command that tests the work."""

    purpose: str = "execute"
    boxed: bool = True
    test: str = ""


def policy(lines: Sequence[str], now: Situation) -> Policy:
    """The policy of a role: `lines` are `allow RULE`, `ask RULE`, `deny RULE` and `unattended RULING` of the operator.

    Those of a repository, which can only make it stricter, stand behind `at-least`. Raises `ValueError`.
    """
    rules, unattended = _read([line for line in lines if not line.startswith(_THEIRS)])
    theirs, least = _read([line.removeprefix(_THEIRS) for line in lines if line.startswith(_THEIRS)])
    if now.purpose != "execute":
        rules.append(Rule(Ruling.DENY, Tool.EDIT))
    if unattended is None and not now.boxed:
        rules += _without_a_box(now)
    default = unattended or (Ruling.ALLOW if now.boxed else Ruling.ASK)
    return Policy(
        tuple(rules), stricter(default, least or Ruling.ALLOW), Policy(tuple(theirs)) if theirs else None
    )


_THEIRS = "at-least "


def _read(lines: Iterable[str]) -> tuple[list[Rule], Ruling | None]:
    rules: list[Rule] = []
    unattended: Ruling | None = None
    for line in lines:
        word, _, rest = line.partition(" ")
        if word == "unattended":
            unattended = Ruling(rest)
        else:
            rules.append(Rule.read(Ruling(word), rest))
    return rules, unattended


def _without_a_box(now: Situation) -> list[Rule]:
    """The work itself: to read, to edit the worktree, to run its tests and to look around."""
    # exactly as it is written: an agent may have proposed it, and as a pattern it could name anything
    tests = [each.text for each in commands(now.test) or () if not {"*", "?"} & set(each.text)]
    harmless = [*_HARMLESS, *filter(None, tests)]
    return [
        Rule(Ruling.ALLOW, Tool.READ),
        Rule(Ruling.ALLOW, Tool.OTHER),
        Rule(Ruling.ALLOW, "mcp__maestro__*"),
        Rule(Ruling.ALLOW, Tool.EDIT, "**/*"),
        # it says what programs git runs
        Rule(Ruling.ASK, Tool.EDIT, "**/.git/**"),
        *(Rule(Ruling.ALLOW, Tool.SHELL, each) for each in harmless),
    ]
