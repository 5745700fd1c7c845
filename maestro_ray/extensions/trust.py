"""Which hooks of others the operator has looked at and allowed: a hash of each in the state directory.

The hash is over all that decides what is run: whose it is, the event, the matcher, the command, and what stands in
those files of the repository or plugin that the command names. What such a file loads in turn is not looked at, nor
what a command reaches without its name: by a pattern, as a whole directory, as a module.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import islice, product
from pathlib import Path

from maestro_ray.extensions.found import Found
from maestro_ray.extensions.hooks import Hook
from maestro_ray.extensions.record import change_record, read_record

LONGEST_SHOWN = 500
FILE = "trusted-hooks.json"
# of directories that one command names
MOST_PLACES = 4
# a larger file is known by its inode and its last change: hooks are looked at before each tool that is used
LARGEST = 64 * 1024 * 1024
# what stands beside a path and is seldom a part of one
_SIGNS = re.compile(r"""[\s'"`$(){}<>|&;=,:\\]+""")


def fingerprint(found: Found[Hook]) -> str:
    """64 hex digits of this very hook; another as soon as anything that is hashed has changed."""
    hook, origin = found.value, found.origin
    assert hook is not None
    said = [origin.level, origin.plugin or str(origin.within), hook.event, hook.matcher, *hook.argv]
    # a plugin's directory has another name after each update
    root = hook.root.resolve()
    files = [[os.path.relpath(path, root), _hash_of(path)] for path in named_files(found)]
    return hashlib.sha256(json.dumps([said, files]).encode()).hexdigest()


def named_files(found: Found[Hook]) -> Iterator[Path]:
    """Files of the repository or plugin that a hook's command names, each once: its hash is over them, too.

    From the top and from each directory that it names, for it may go there first. One too many costs a question, one
    too few is run unseen: whatever in the command can be a path is tried. A link counts with what it leads to.
    """
    hook = found.value
    assert hook is not None
    seen, root = set(), hook.root.resolve()
    variable = "CLAUDE_PLUGIN_ROOT" if found.origin.plugin else "CLAUDE_PROJECT_DIR"
    names = list(dict.fromkeys(_filled(name, variable, root) for name in _names(hook)))
    for place, name in product(_places(root, names), names):
        # what follows `$(pwd)` or `"$PWD"` begins with a slash
        for text in (name, name.lstrip("/")) if name.startswith("/") else (name,):
            path = os.path.join(place, text)  # noqa: PTH118 - a long command has very many words, and most are no file
            if os.path.isfile(path) and Path(path) not in seen and _is_inside(path, root):  # noqa: PTH113
                seen.add(Path(path))
                yield Path(path)


def _filled(name: str, variable: str, root: Path) -> str:
    return name.replace(f"${{{variable}}}", str(root)).replace(f"${variable}", str(root))


def _places(root: Path, names: Sequence[str]) -> list[Path]:
    """The top, and the first directories below it that are named."""
    found = (Path(os.path.normpath(root / name)) for name in names)
    below = (path for path in found if os.path.isdir(path) and path != root and _is_inside(path, root))  # noqa: PTH112
    return [root, *islice(below, MOST_PLACES)]


def _is_inside(path: str | Path, root: Path) -> bool:
    """As it is written or as it is: a link of the repository that leads out of it is one of its files."""
    written = Path(os.path.normpath(path))
    return written.is_relative_to(root) or Path(os.path.realpath(path)).is_relative_to(root)


def _names(hook: Hook) -> Iterator[str]:
    """The words of the command, those of each text in it that a shell might be given, and what they are made of."""
    for word in hook.argv:
        yield word
        yield from _shell_words(word)
        yield from _SIGNS.split(word)


def _shell_words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    # it would take the rest of a line after `a#b` for one, and a shell would not
    lexer.commenters = ""
    try:
        return list(lexer)
    except ValueError:  # quotes that never end; sh will say so
        return text.split()


def _hash_of(path: Path) -> str:
    try:
        info = path.stat()
        if info.st_size > LARGEST:
            return f"{info.st_size} bytes, {info.st_ino}, {info.st_ctime_ns}"
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"cannot be read: {error.errno}"


def trusted(home: Path) -> frozenset[str]:
    """The hashes of what the operator has allowed."""
    return frozenset(read_record(home / FILE))


def allowed(found: Found[Hook], known: Collection[str]) -> bool:
    """Whether it may run: it is the operator's own, or this very hook was allowed."""
    return found.value is not None and (not found.origin.theirs or fingerprint(found) in known)


def trust(home: Path, hooks: Mapping[str, Found[Hook]]) -> None:
    """Allow these, each under the hash it had when the operator looked at it. Raises `NotWritable`."""
    fresh = {
        known: {
            "from": str(each.origin),
            "place": str(each.origin.within),
            "event": each.value.event,
            "command": each.value.words[:LONGEST_SHOWN],
            "at": int(time.time()),
        }
        for known, each in hooks.items()
        if each.value is not None
    }
    change_record(home / FILE, lambda entries: entries.update(fresh))


def withdraw(home: Path, prints: Collection[str]) -> None:
    """Allow these no more; harmless for those that were not allowed."""

    def remove(entries: dict[str, dict[str, object]]) -> None:
        for each in prints:
            entries.pop(each, None)

    change_record(home / FILE, remove)


def forget_plugin(home: Path, plugin: str) -> None:
    """Allow no hook of this plugin any more: another may come by its name."""

    def remove(entries: dict[str, dict[str, object]]) -> None:
        for known in [key for key, entry in entries.items() if entry.get("from") == f"plugin {plugin}"]:
            del entries[known]

    change_record(home / FILE, remove)
