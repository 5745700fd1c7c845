"""What leaves this machine in a transcript: no secret, no path of the home, nothing that is no text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from maestro_ray.home import Home
from maestro_ray.redaction import Secrets, redact, redact_all, says_secret

_NO_TEXT = re.compile("[\ud800-\udfff]")
# what a secret can reach over the end of a piece of text that is cut
REACH = 8_192


class Discreet:
    """Hides values that are known to be secret, what looks like a secret, and the names of directories."""

    def __init__(self, secrets: Secrets, places: Mapping[str, str]) -> None:
        """`places` are directories and what is said in their stead, such as `~`."""
        self._secrets, self._places = secrets, dict(places)
        longest_first = sorted(map(re.escape, self._places), key=len, reverse=True)
        words = rf"(?<![\w.-])(?:{'|'.join(longest_first)})(?![\w.-])"
        self._pattern = re.compile(words) if self._places else None

    def hide(self, text: str) -> str:
        return self._tidy(redact(text, self._secrets))

    def beginning(self, text: str, most: int) -> str:
        """At most so many characters of it: of a secret that is cut in two nothing is left either."""
        hidden = self.hide(text[: most + REACH])
        whole = len(text) <= most + REACH
        return hidden[: most if whole else max(0, min(most, len(hidden) - REACH))]

    def ending(self, text: str, most: int) -> str:
        """The same of its end."""
        hidden = self.hide(text[-most - REACH :])
        whole = len(text) <= most + REACH
        kept = most if whole else max(0, min(most, len(hidden) - REACH))
        return hidden[len(hidden) - min(kept, len(hidden)) :]

    def hide_all(self, value: Any) -> Any:
        """A value of JSON with every string in it hidden, names of fields included."""
        return self._each(redact_all(value, self._secrets))

    def _each(self, value: Any) -> Any:
        match value:
            case str():
                return self._tidy(value)
            case Mapping():
                return {self.hide(str(key)): self._each(each) for key, each in value.items()}
            case list() | tuple():
                return [self._each(each) for each in value]
            case _:
                return value

    def _tidy(self, text: str) -> str:
        text = _NO_TEXT.sub("\ufffd", text)
        return self._pattern.sub(lambda found: self._places[found[0]], text) if self._pattern else text


def discreet(home: Home, environ: Mapping[str, str]) -> Discreet:
    """For this shell and this home."""
    secrets = Secrets([*Secrets.of(environ), *secrets_of(home)])
    person = environ.get("HOME") or str(Path.home())
    return Discreet(secrets, {**_names(person, "~"), **_names(str(home.root), "$MAESTRO_HOME")})


def secrets_of(home: Home) -> Iterator[str]:
    """Values that this home keeps secret: tokens, an invite, and the keys that teams were started with."""
    for path in (home.run / "tokens.json", *home.identities.glob("*.json")):
        yield from (value for name, value in _read(path).items() if "token" in name)
    for path in home.run.glob("team-*.env"):
        yield from (value for name, value in _read(path).items() if says_secret(name))
    try:
        yield (home.run / "invite").read_text(errors="replace").strip()
    except OSError:
        return


def _read(path: Path) -> dict[str, str]:
    """The texts of a JSON object in a file; none when it is not there or is something else."""
    try:
        found = json.loads(path.read_text(errors="replace"))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(found, dict):
        return {}
    return {name: value for name, value in found.items() if isinstance(value, str)}


def _names(directory: str, instead: str) -> dict[str, str]:
    """A directory as it is called and as it really is; the root of all is none that anybody could hide."""
    called = directory.rstrip("/")
    names = {called, str(Path(called).resolve())} if called else set()
    return {name: instead for name in names if name not in ("", "/")}
