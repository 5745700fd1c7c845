"""Tokens for one Studio: kept in a 0600 file, renewed by whoever needs a fresh one, never by two at once.

A refresh token may be used once (a second use revokes the family), and the daemon, the Connections actor and a CLI
command may all need one at the same moment. So a renewal holds a lock on the file and looks again first.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from maestro_ray.errors import Unauthenticated

# a token is renewed when it has less than this left, in seconds
MARGIN = 60.0

Post = Callable[[str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Tokens:
    """What a sign-in gave; `expires_at` (Unix seconds) is when the access token ends."""

    access_token: str
    refresh_token: str
    expires_at: float


class TokenFile:
    """The tokens of one identity at one Studio. `post(path, body)` is a JSON POST to that Studio's auth calls."""

    def __init__(self, path: Path, post: Post) -> None:
        self._path = path
        self._post = post

    def access_token(self) -> str:
        """An access token that is good for a while yet. Raises `Unauthenticated`."""
        tokens = self._read()
        if tokens.expires_at - time.time() > MARGIN:
            return tokens.access_token
        return self.renew(tokens.access_token)

    def renew(self, refused: str) -> str:
        """A token other than `refused`; somebody else may already have got it."""
        with self._locked():
            tokens = self._read()
            if tokens.access_token != refused and tokens.expires_at - time.time() > MARGIN:
                return tokens.access_token
            return self._store(self._post("auth/refresh", {"refresh_token": tokens.refresh_token}))

    def redeem(self, invite: str, name: str) -> str:
        """Sign in with a one-time invite."""
        with self._locked():
            return self._store(self._post("auth/redeem", {"token": invite, "name": name}))

    def exists(self) -> bool:
        return self._path.exists()

    def _read(self) -> Tokens:
        try:
            return Tokens(**json.loads(self._path.read_text()))
        except FileNotFoundError as error:
            raise Unauthenticated("no tokens are stored") from error
        except (ValueError, TypeError, OSError) as error:
            raise Unauthenticated(f"the token file {self._path} cannot be read") from error

    def _store(self, answer: dict[str, Any]) -> str:
        tokens = Tokens(
            answer["access_token"], answer["refresh_token"], time.time() + float(answer["expires_in"])
        )
        fresh = self._path.with_suffix(f".{os.getpid()}")
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(asdict(tokens), file)
            file.flush()
            os.fsync(file.fileno())
        fresh.rename(self._path)
        return tokens.access_token

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with open(os.open(self._path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
