"""A small disk of a test's own, which can be filled, emptied and made read-only."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from absent import absent


class SmallDisk:
    """A file system in memory at `path`, of so many KiB."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ballast = path / "ballast"

    def fill(self) -> None:
        """Not a byte is left."""
        with self._ballast.open("ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                self._write_all(file.fileno(), bytes(size))

    def _write_all(self, descriptor: int, block: bytes) -> None:
        try:
            while True:
                os.write(descriptor, block)
        except OSError as error:
            assert error.errno == errno.ENOSPC

    def empty(self) -> None:
        """There is room again."""
        self._ballast.unlink()

    def read_only(self) -> None:
        """Nobody may have a file open for writing."""
        subprocess.run(["mount", "-o", "remount,ro", str(self.path)], check=True)

    def writable(self) -> None:
        subprocess.run(["mount", "-o", "remount,rw", str(self.path)], check=True)


@contextmanager
def small_disk(path: Path, kilobytes: int = 4096) -> Iterator[SmallDisk]:
    """Skips where nothing may be mounted: that takes root, with its powers over file systems."""
    path.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k,mode=700", "maestro-test", str(path)]
    mounted = subprocess.run(["mount", *options], capture_output=True)
    if mounted.returncode:
        absent(f"no small disk can be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield SmallDisk(path)
    finally:
        # lazily: what a test that has failed still holds open must not keep the mount there
        subprocess.run(["umount", "--lazy", str(path)], check=True)
