"""The system's keyring, where there is one that can be used and keeps its secrets secret."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from maestro_ray.errors import KeyringFailed

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

SERVICE = "maestro"
# A locked keyring asks its person, and waits. Without a screen it would wait for ever. In seconds.
PATIENCE = 30.0
# these keep nothing, or keep it for anybody to read
_UNSAFE = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt")
_CHAIN = "keyring.backends.chainer"


class SystemKeyring:
    """Secrets by name. Every call raises `KeyringFailed` when the keyring does not do it in time."""

    def __init__(self, backend: KeyringBackend, patience: float = PATIENCE) -> None:
        self.name = str(getattr(backend, "name", type(backend).__name__))
        self._backend = backend
        self._patience = patience

    def get(self, entry: str) -> str | None:
        """The secret, None when it has none of this name."""
        return self._try(lambda: self._backend.get_password(SERVICE, entry))

    def set(self, entry: str, secret: str) -> None:
        self._try(lambda: self._backend.set_password(SERVICE, entry, secret))

    def delete(self, entry: str) -> None:
        """Also for a name it does not have."""
        if self.get(entry) is not None:
            self._try(lambda: self._backend.delete_password(SERVICE, entry))

    def _try(self, work: Callable[[], T]) -> T:
        answer: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answer.put((work(), None))
            except BaseException as error:  # noqa: BLE001 - each backend has errors of its own; it is told to the caller
                answer.put((None, error))

        # a thread that is still waiting for its person does not keep the program from ending
        threading.Thread(target=run, daemon=True, name="keyring").start()
        try:
            value, error = answer.get(timeout=self._patience)
        except queue.Empty:
            raise KeyringFailed(f"it did not answer within {self._patience:.0f} s") from None
        if error is not None:
            raise KeyringFailed(f"{type(error).__name__}: {error}".rstrip(": ")) from error
        return value  # type: ignore[return-value]  # without an error it is the answer


def system_keyring() -> SystemKeyring | None:
    """The keyring `keyring` finds or is configured for; None when there is none, or none that is safe."""
    # it has much to say to a terminal that has no keyring
    logging.getLogger("keyring").addHandler(logging.NullHandler())
    try:
        import keyring

        backend = _safe(keyring.get_keyring())
    except Exception:  # noqa: BLE001 - a backend somebody configured that cannot be loaded is none
        return None
    return None if backend is None else SystemKeyring(backend)


def _safe(backend: KeyringBackend) -> KeyringBackend | None:
    """The backend itself; of a chain the first that is safe, for a chain writes to whichever takes it."""
    module = type(backend).__module__
    if module == _CHAIN:
        return next(filter(None, map(_safe, backend.backends)), None)  # type: ignore[attr-defined]  # the chain's own
    unsafe = any(module == name or module.startswith(f"{name}.") for name in _UNSAFE)
    return None if unsafe or backend.priority < 1 else backend
