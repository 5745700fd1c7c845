"""Cgroups: where one may be made by what the kernel says, and what a real one holds and ends."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from absent import absent

from maestro_ray.agent import cgroup
from maestro_ray.agent.sweep import alive, find, identify, sweep

from .programs import until

MOUNTS = """22 1 0:20 / /proc rw - proc proc rw
30 22 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
31 22 0:27 {root} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw
"""


class Kernel:
    """What its files say."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: str, root: str = "/") -> None:
        self.files = {
            "/proc/self/mountinfo": MOUNTS.format(root=root),
            "/proc/self/cgroup": f"4:memory:/x\n0::{path}\n",
        }
        self.writable: set[str] = set()
        monkeypatch.setattr(cgroup, "_text", lambda path: self.files.get(path, ""))
        monkeypatch.setattr(os, "access", lambda path, _mode: path in self.writable)

    def offers(self, path: str, controllers: str) -> None:
        self.files[f"{path}/cgroup.subtree_control"] = controllers
        self.writable |= {path, f"{path}/cgroup.procs"}


def test_the_nearest_with_all_that_is_wanted_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch, "/user.slice/mine/shell")
    assert list(cgroup.above()) == [
        "/sys/fs/cgroup/user.slice/mine/shell",
        "/sys/fs/cgroup/user.slice/mine",
        "/sys/fs/cgroup/user.slice",
        "/sys/fs/cgroup",
    ]
    assert cgroup.place() == ("", frozenset())
    kernel.offers("/sys/fs/cgroup/user.slice/mine/shell", "")
    kernel.offers("/sys/fs/cgroup/user.slice/mine", "memory pids\n")
    kernel.files["/sys/fs/cgroup/user.slice/cgroup.subtree_control"] = "cpu memory pids\n"  # not ours to use
    assert cgroup.place() == ("/sys/fs/cgroup/user.slice/mine/shell", frozenset())
    assert cgroup.place({"memory"}) == ("/sys/fs/cgroup/user.slice/mine", frozenset({"memory", "pids"}))
    assert cgroup.place({"cpu"}) == ("/sys/fs/cgroup/user.slice/mine/shell", frozenset())


def test_a_directory_whose_processes_may_not_be_moved_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch, "/mine")
    kernel.writable = {"/sys/fs/cgroup/mine"}
    assert cgroup.place() == ("", frozenset())


def test_of_a_hierarchy_only_what_is_mounted_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    Kernel(monkeypatch, "/docker/abc/inner", root="/docker/abc")
    assert list(cgroup.above()) == ["/sys/fs/cgroup/inner", "/sys/fs/cgroup"]
    Kernel(monkeypatch, "/elsewhere", root="/docker/abc")
    assert list(cgroup.above()) == []


def test_the_root_has_nothing_above(monkeypatch: pytest.MonkeyPatch) -> None:
    Kernel(monkeypatch, "/")
    assert list(cgroup.above()) == ["/sys/fs/cgroup"]


def test_without_the_second_version_there_is_no_place(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel(monkeypatch, "/")
    kernel.files["/proc/self/mountinfo"] = MOUNTS.splitlines()[1]
    assert cgroup.place() == ("", frozenset())


def test_a_mark_that_cannot_be_a_name_gets_none() -> None:
    assert cgroup.name_for("a:b:c", "x") == "maestro-a:b:c@x"
    assert cgroup.name_for("a/b", "x") == ""


@pytest.fixture
def place() -> str:
    place, _ = cgroup.place()
    if not place:
        absent("no cgroup v2 can be made here")
    return place


@pytest.fixture
def inside(mark: str, place: str) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Processes that are ended, with their cgroups, whatever happens."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for each in started:
        each.kill()
        each.wait()
    for group in [group for group in Path(place).iterdir() if mark in group.name]:
        group.rmdir()


def put(place: str, name: str, started: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """A process without any environment in a cgroup of this name."""
    group = Path(place, name)
    group.mkdir()
    process = subprocess.Popen(["sleep", "600"], env={}, start_new_session=True)
    started.append(process)
    (group / "cgroup.procs").write_text(str(process.pid))
    return process


def test_what_is_in_a_cgroup_of_ours_is_found_and_ended_and_nobody_else(
    mark: str, place: str, inside: list[subprocess.Popen[bytes]]
) -> None:
    """The others have the same name, directory and owner, and marks that begin with ours.

    Red without `cgroup.holds` in `sweep._carries`; and with `_is_of` comparing beginnings only.
    """
    ours = put(place, f"maestro-{mark}@one", inside)
    names = (f"maestro-{mark}-2@two", f"maestro-x{mark}@three", f"other-{mark}@four")
    strangers = [put(place, name, inside) for name in names]
    one = identify(ours.pid)
    assert find(mark) == [one]
    assert set(find(mark.rpartition(":")[0] + ":")) == {one, identify(strangers[0].pid)}

    assert sweep(mark).left == ()

    assert ours.wait() == -9
    assert all(each.poll() is None for each in strangers)
    cgroup.end(mark)
    assert not Path(place, f"maestro-{mark}@one").exists()
    assert all(Path(place, name).exists() for name in names)


def test_one_word_ends_all_in_it_and_what_is_empty_is_removed(
    mark: str, place: str, inside: list[subprocess.Popen[bytes]]
) -> None:
    """Red without the write to `cgroup.kill`."""
    process = put(place, f"maestro-{mark}@one", inside)
    identity = identify(process.pid)
    assert identity
    cgroup.end(mark)
    assert until(lambda: not alive(identity))
    process.wait()
    cgroup.end(mark)
    assert not Path(place, f"maestro-{mark}@one").exists()
