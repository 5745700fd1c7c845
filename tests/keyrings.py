"""Keyrings for tests: real backends of the library, in memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import keyring
import keyring.core
from keyring.backend import KeyringBackend
from keyring.backends import fail
from keyring.errors import KeyringLocked, PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Keeps secrets; `locked` it refuses, as a desktop's does."""

    priority = 5  # type: ignore[assignment]  # a plain number does

    def __init__(self) -> None:
        super().__init__()
        self.secrets: dict[tuple[str, str], str] = {}
        self.locked = False
        self.reads = 0

    def get_password(self, service: str, username: str) -> str | None:
        self.reads += 1
        self._open()
        return self.secrets.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._open()
        self.secrets[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._open()
        if (service, username) not in self.secrets:
            raise PasswordDeleteError("not found")
        del self.secrets[service, username]

    def _open(self) -> None:
        if self.locked:
            raise KeyringLocked("Failed to unlock the collection!")


class ForgetfulKeyring(MemoryKeyring):
    """Takes everything and keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        pass


class WaitingKeyring(MemoryKeyring):
    """Waits for its person, who is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.person = threading.Event()

    def get_password(self, service: str, username: str) -> str | None:
        self.person.wait(20)
        return None


@contextmanager
def installed(backend: KeyringBackend | None) -> Iterator[None]:
    """The system's keyring is this one; None: there is none, as on a server."""
    before = keyring.core._keyring_backend
    keyring.set_keyring(backend or fail.Keyring())
    try:
        yield
    finally:
        keyring.core._keyring_backend = before
