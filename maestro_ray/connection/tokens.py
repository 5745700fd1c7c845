"""Tokens for one Studio: kept in a 0600 file or the system's keyring, renewed by whoever needs a fresh one, never by
two at once.

A refresh token may be used once (a second use revokes the family), and the daemon, the Connections actor and a CLI
command may all need one at the same moment. So a renewal holds a lock on the file and looks again first. With the
tokens in the keyring the file says so, and changes whenever they do.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from maestro_ray.errors import KeyringFailed, StudioUnavailable, Unauthenticated

# a token is renewed when it has less than this left, in seconds
MARGIN = 60.0
# a sign-in that Studio says has ended is not asked about again for this long, in seconds: those who knock too often
# are turned away, and with them everybody else at the same address
ENDED_FOR = 60.0

Post = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Tokens:
    """What a sign-in gave. Both times are Unix seconds; `refresh_expires_at` is 0 where it is not known."""

    access_token: str
    refresh_token: str
    expires_at: float
    refresh_expires_at: float = 0.0


class Keyring(Protocol):
    """Secrets by name. Raises `KeyringFailed`."""

    def get(self, entry: str) -> str | None: ...

    def set(self, entry: str, secret: str) -> None: ...

    def delete(self, entry: str) -> None: ...


FindKeyring = Callable[[], Keyring | None]


class TokenFile:
    """The tokens of one identity at one Studio. `post(path, body)` is a JSON POST to that Studio's auth calls.

    With `find_keyring` a sign-in puts them into the keyring as `entry`, if there is one that takes them.
    """

    def __init__(
        self, path: Path, post: Post, find_keyring: FindKeyring | None = None, entry: str = ""
    ) -> None:
        self._path = path
        self._post = post
        self._find_keyring = find_keyring
        self._entry = entry
        self._seen: tuple[object, Tokens] | None = None
        # the refresh token that was refused last, until when it is not shown again, and what was said
        self._ended: tuple[str, float, Unauthenticated] | None = None

    def access_token(self, margin: float = MARGIN) -> str:
        """An access token that is good for `margin` seconds yet, if Studio can be reached. Raises `Unauthenticated`."""
        tokens = self.tokens()
        left = tokens.expires_at - time.time()
        if left > margin:
            return tokens.access_token
        try:
            return self._renew(tokens.access_token, margin)
        except StudioUnavailable:
            # it is good still, and whoever uses it will see what Studio says
            if left > 0:
                return tokens.access_token
            raise

    def renew(self, refused: str) -> str:
        """A token other than `refused`; somebody else may already have got it."""
        return self._renew(refused, MARGIN)

    def redeem(self, invite: str, name: str, *, in_file: bool = False) -> str:
        """Sign in with a one-time invite. `in_file` keeps the tokens out of a keyring."""
        with self._locked():
            answer = self._post("auth/redeem", {"token": invite, "name": name})
            return self._store(answer, "" if in_file else self._entry)

    def keep(self, answer: dict[str, Any], *, in_file: bool = False) -> str:
        """Keep the tokens of a sign-in that somebody else has made."""
        with self._locked():
            return self._store(answer, "" if in_file else self._entry)

    def forget(self) -> None:
        """Nothing of the tokens is left here; Studio knows nothing of that."""
        with self._locked():
            self._delete_from_keyring(self._entry_in_keyring())
            self._seen = None
            self._path.unlink(missing_ok=True)

    def exists(self) -> bool:
        return self._path.exists()

    def place(self) -> str:
        """`keyring`, `file`, or empty when there are none."""
        if not self.exists():
            return ""
        return "keyring" if self._entry_in_keyring() else "file"

    def tokens(self) -> Tokens:
        """The tokens as they are kept, however old. Raises `Unauthenticated`."""
        try:
            stamp = self._stamp()
            if self._seen is None or self._seen[0] != stamp:
                document = json.loads(self._path.read_text())
                entry = document.get("keyring")
                self._seen = stamp, Tokens(**(self._from_keyring(entry) if entry else document))
            return self._seen[1]
        except FileNotFoundError as error:
            raise Unauthenticated("no tokens are stored") from error
        except (ValueError, TypeError, AttributeError, OSError) as error:
            raise Unauthenticated(f"the token file {self._path} cannot be read") from error

    # ── renewal ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _renew(self, refused: str, margin: float) -> str:
        with self._locked():
            tokens = self.tokens()
            if tokens.access_token != refused and tokens.expires_at - time.time() > margin:
                return tokens.access_token
            return self._store(self._refreshed(tokens.refresh_token), self._entry_in_keyring())

    def _refreshed(self, token: str) -> dict[str, Any]:
        if self._ended is not None and self._ended[0] == token and time.monotonic() < self._ended[1]:
            raise Unauthenticated(*self._ended[2].args)
        try:
            return self._exchange(token)
        except Unauthenticated as error:
            self._ended = token, time.monotonic() + ENDED_FOR, error
            raise

    def _exchange(self, token: str) -> dict[str, Any]:
        try:
            return self._post("auth/refresh", {"refresh_token": token})
        except StudioUnavailable:
            # the answer may have been lost on its way: Studio takes the same token once more
            return self._post("auth/refresh", {"refresh_token": token})

    # ── where they are ───────────────────────────────────────────────────────────────────────────────────────────

    def _keyring(self) -> Keyring | None:
        return self._find_keyring() if self._find_keyring else None

    def _entry_in_keyring(self) -> str:
        """The name under which the keyring has them; empty when the file itself does."""
        try:
            document = json.loads(self._path.read_text())
        except (OSError, ValueError):
            return ""
        return str(document.get("keyring", "")) if isinstance(document, dict) else ""

    def _from_keyring(self, entry: str) -> dict[str, Any]:
        keyring = self._keyring()
        if keyring is None:
            raise Unauthenticated("the tokens are in the system's keyring, and there is none here", _IN_FILE)
        try:
            secret = keyring.get(entry)
        except KeyringFailed as error:
            raise Unauthenticated(f"{error}; the tokens are there", _IN_FILE) from error
        if secret is None:
            raise Unauthenticated("the system's keyring has the tokens no longer")
        return dict(json.loads(secret))

    def _store(self, answer: dict[str, Any], entry: str) -> str:
        now = time.time()
        ends = float(answer.get("refresh_expires_in", 0))
        tokens = Tokens(
            answer["access_token"],
            answer["refresh_token"],
            now + float(answer["expires_in"]),
            now + ends if ends else 0.0,
        )
        before = self._entry_in_keyring()
        # a keyring may ask its person first, and the old ones are used up: whatever ends us meanwhile costs no token
        self._write(asdict(tokens))
        taken = bool(entry) and self._put_into_keyring(entry, json.dumps(asdict(tokens)))
        if taken:
            self._write({"keyring": entry})
        self._seen = self._stamp(), tokens
        if before and not taken:
            self._delete_from_keyring(before)
        return tokens.access_token

    def _put_into_keyring(self, entry: str, secret: str) -> bool:
        """Whether it is there: some keyrings take everything and keep nothing."""
        try:
            if (keyring := self._keyring()) is None:
                return False
            keyring.set(entry, secret)
            return keyring.get(entry) == secret
        except KeyringFailed:
            return False

    def _delete_from_keyring(self, entry: str) -> None:
        """As far as it can be done: what is left there is used up."""
        with contextlib.suppress(KeyringFailed):
            if entry and (keyring := self._keyring()):
                keyring.delete(entry)

    def _stamp(self) -> object:
        """Another one after every change, whoever made it."""
        found = self._path.stat()
        return found.st_mtime_ns, found.st_ino

    def _write(self, document: dict[str, Any]) -> None:
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(document, file)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among processes and threads: each opens the file for itself."""
        with open(os.open(self._path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


_IN_FILE = "unlock the keyring; or sign in again with `maestro auth INVITE --file`, which needs none"
