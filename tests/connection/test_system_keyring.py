from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import keyring.core
import pytest
from keyring.backends import null
from keyring.backends.chainer import ChainerBackend
from keyrings import MemoryKeyring, WaitingKeyring, installed

from maestro_ray.connection.system_keyring import SERVICE, SystemKeyring, system_keyring
from maestro_ray.errors import KeyringFailed


def test_a_secret_is_kept_and_deleted() -> None:
    backend = MemoryKeyring()
    with installed(backend):
        found = system_keyring()
        assert found is not None
        assert found.get("work@1") is None
        found.set("work@1", "secret")
        assert backend.secrets == {(SERVICE, "work@1"): "secret"}
        assert found.get("work@1") == "secret"
        found.delete("work@1")
        found.delete("work@1")
        assert backend.secrets == {}


def plain_text() -> MemoryKeyring:
    """What `keyrings.alt` brings: anybody can read its file."""
    cls = type("PlaintextKeyring", (MemoryKeyring,), {"__module__": "keyrings.alt.file"})
    made: MemoryKeyring = cls()
    return made


def low() -> MemoryKeyring:
    cls = type("Low", (MemoryKeyring,), {"priority": 0.5})
    made: MemoryKeyring = cls()
    return made


@pytest.mark.parametrize("backend", [None, null.Keyring(), plain_text(), low()])
def test_one_that_keeps_nothing_or_keeps_it_in_the_open_is_none(backend: Any) -> None:
    with installed(backend):
        assert system_keyring() is None


def test_of_a_chain_the_first_that_is_safe_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    good = MemoryKeyring()
    monkeypatch.setattr(ChainerBackend, "backends", [plain_text(), good])
    with installed(ChainerBackend()):
        found = system_keyring()
        assert found is not None
        found.set("x", "y")
    assert good.secrets == {(SERVICE, "x"): "y"}


def test_a_backend_that_cannot_be_loaded_is_none_and_nothing_is_said(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "no.such.Backend")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)
    assert system_keyring() is None
    assert capfd.readouterr() == ("", "")


def test_a_server_without_a_keyring_is_quiet(tmp_path: Path) -> None:
    """In a process of its own, where nobody has set up logging; and a setting of the library that makes no sense."""
    config = tmp_path / ".config" / "python_keyring" / "keyringrc.cfg"
    config.parent.mkdir(parents=True)
    config.write_text("[backend]\n")
    code = "from maestro_ray.connection.system_keyring import system_keyring; print(system_keyring())"
    env = {"PYTHONPATH": ":".join(sys.path), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=True, text=True)
    assert (done.stdout, done.stderr) == ("None\n", "")


def test_a_locked_one_says_so() -> None:
    backend = MemoryKeyring()
    backend.locked = True
    with pytest.raises(KeyringFailed, match="KeyringLocked: Failed to unlock"):
        SystemKeyring(backend).get("x")


def test_one_that_waits_for_nobody_is_given_up() -> None:
    backend = WaitingKeyring()
    try:
        with pytest.raises(KeyringFailed, match="did not answer"):
            SystemKeyring(backend, patience=0.05).get("x")
    finally:
        backend.person.set()


def test_importing_ours_does_not_import_theirs() -> None:
    code = "import sys, maestro_ray.connection.identities as _; print('keyring' in sys.modules)"
    env = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, check=True, text=True)
    assert done.stdout == "False\n"
