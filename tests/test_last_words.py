from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CRASH = "raise RuntimeError('https://me:s3cret@h/x and k3y-of-the-shell')"


@pytest.mark.parametrize("discreet", [True, False])
def test_an_error_that_nobody_catches_is_told_without_the_secrets_in_it(discreet: bool) -> None:
    """The second round is the first without `last_words.discreet()`: it shows them."""
    code = ("from maestro_ray import last_words; last_words.discreet()\n" if discreet else "") + CRASH
    env = {"PYTHONPATH": str(ROOT), "SOME_API_KEY": "k3y-of-the-shell"}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "RuntimeError" in told.stderr
    assert ("s3cret" in told.stderr, "k3y-of" in told.stderr) == (not discreet, not discreet)


def test_a_thread_has_the_same(tmp_path: Path) -> None:
    """Red without `threading.excepthook`: only the main thread's error goes through `sys.excepthook`."""
    program = tmp_path / "program.py"
    program.write_text(
        "import threading\nfrom maestro_ray import last_words\nlast_words.discreet()\n"
        f"def crash(): {CRASH}\nthread = threading.Thread(target=crash)\nthread.start()\nthread.join()\n"
    )
    env = {"PYTHONPATH": str(ROOT), "SOME_API_KEY": "k3y-of-the-shell"}
    told = subprocess.run(
        [sys.executable, str(program)], env=env, capture_output=True, text=True, check=False
    )
    assert "RuntimeError" in told.stderr
    assert ("s3cret" in told.stderr, "k3y-of" in told.stderr) == (False, False)


@pytest.mark.parametrize("module", ["maestro_ray.daemon.__main__", "maestro_ray.studio.__main__",
                                    "maestro_ray.actors.boot", "maestro_cli.main"])  # fmt: skip
def test_every_program_of_ours_ends_so(module: str) -> None:
    """Each sets the hook before anything else can go wrong; without its line the secret is shown."""
    code = f"""
import sys
import {module} as program
def crash(*_): {CRASH}
if hasattr(program, 'Home'): program.Home.find = crash
else: program.streams.prepare = crash
sys.argv[1:] = []
program.main()
"""
    env = {"PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}", "SOME_API_KEY": "k3y-of-the-shell"}
    told = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert "RuntimeError" in told.stderr
    assert "s3cret" not in told.stderr
    assert "k3y-of" not in told.stderr
