"""Which hooks of others the operator has looked at and allowed: a hash of each in the state directory.

The hash is over all that decides what is run: whose it is, the event, the matcher, the command, and what stands in
those files of the repository or plugin that the command names. What such a file loads in turn is not looked at.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from maestro_ray.extensions.found import Found
from maestro_ray.extensions.hooks import Hook
from maestro_ray.extensions.record import change_record, read_record

FILE = "trusted-hooks.json"


def fingerprint(found: Found[Hook]) -> str:
    """64 hex digits of this very hook; another as soon as anything that is hashed has changed."""
    hook, origin = found.value, found.origin
    assert hook is not None
    said = [origin.level, origin.plugin or str(origin.within), hook.event, hook.matcher, *hook.argv]
    # a plugin's directory has another name after each update
    root = hook.root.resolve()
    files = [[str(path.relative_to(root)), _hash_of(path)] for path in named_files(found)]
    return hashlib.sha256(json.dumps([said, files]).encode()).hexdigest()


def named_files(found: Found[Hook]) -> Iterator[Path]:
    """Files of the repository or plugin among the words of a hook's command, each once: its hash is over them, too.

    A repository's hook runs at its top, so that relative paths lead there; a plugin's runs in the repository, and
    names its own files by `${CLAUDE_PLUGIN_ROOT}`.
    """
    hook = found.value
    assert hook is not None
    seen, root = set(), hook.root.resolve()
    variable = "CLAUDE_PLUGIN_ROOT" if found.origin.plugin else "CLAUDE_PROJECT_DIR"
    for word in _words(hook):
        for text in (word, word.rpartition("=")[2]):
            full = text.replace(f"${{{variable}}}", str(root)).replace(f"${variable}", str(root))
            path = root / full
            ours = full.startswith("/") or not found.origin.plugin
            if text and ours and path not in seen and _is_file(path) and path.resolve().is_relative_to(root):
                seen.add(path)
                yield path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a word that can be no name
        return False


def _words(hook: Hook) -> Iterator[str]:
    """Those of the command, and those of each text in it that a shell might be given."""
    for word in hook.argv:
        yield word
        yield from _shell_words(word)


def _shell_words(text: str) -> list[str]:
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    try:
        return list(lexer)
    except ValueError:  # quotes that never end; sh will say so
        return text.split()


def _hash_of(path: Path) -> str:
    try:
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
            "command": each.value.words,
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
