"""Pulses: small files that are written in place, read by whoever tells, and never a way to anything else."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from math import inf
from pathlib import Path

import pytest

from maestro_ray.actors import pulses as module
from maestro_ray.actors.pulses import FORGOTTEN, TELLER, Answer, Pulse, Pulses


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return tmp_path / "pulses" / "node"


def make(node: Path, slot: str = "slot-1", pid: int = 7) -> Pulses:
    return Pulses(node, slot, pid, "team")


def test_what_is_shown_is_news_until_it_is_answered(node: Path) -> None:
    """Red with `is_news` always true: a pulse would be told for ever, also of the dead."""
    mine, teller = make(node), make(node, "slot-2")
    assert mine.show(100.5) == Answer()
    assert teller.news(101) == [Pulse("slot-1", 7, "team", 100.5)]
    teller.answered(teller.news(101), [True])
    assert teller.news(101) == []
    assert mine.show(102) == Answer(100.5, -inf)
    (news,) = teller.news(102)
    teller.answered([news], [False])
    assert mine.show(103) == Answer(100.5, 102)


def test_it_is_rewritten_in_place_for_its_owner_alone(node: Path) -> None:
    """On a full disk the next one must still find its room. Red with the file made anew by each."""
    mine = make(node)
    mine.show(1)
    with (node / "slot-1").open("rb") as file:  # held, so its number is given to no other
        before = os.fstat(file.fileno())
        mine.show(2)
        after = (node / "slot-1").stat()
    assert (after.st_ino, after.st_size) == (before.st_ino, before.st_size)
    assert stat.S_IMODE(after.st_mode) == 0o600
    assert [stat.S_IMODE(each.stat().st_mode) for each in (node, node.parent)] == [0o700, 0o700]


def test_a_new_life_takes_up_nothing_of_the_one_before(node: Path) -> None:
    """Red without the `unlink` of `_begin`."""
    old, teller = make(node), make(node, "slot-2")
    old.show(1)
    teller.answered(teller.news(1), [True])
    assert make(node, pid=8).show(2) == Answer()
    assert teller.news(2) == [Pulse("slot-1", 8, "team", 2)]


def test_a_link_is_never_followed(node: Path, tmp_path: Path) -> None:
    """Neither when it is written nor when it is read or answered. Red without `O_NOFOLLOW` and that `unlink`."""
    secret = tmp_path / "secret"
    secret.write_bytes(b"s" * 200)
    node.mkdir(parents=True)
    (node / "slot-1").symlink_to(secret)
    mine, teller = make(node), make(node, "slot-2")
    mine.show(1)
    assert not (node / "slot-1").is_symlink()
    (node / "slot-1").unlink()
    (node / "slot-1").symlink_to(secret)
    with pytest.raises(OSError, match="symbolic"):
        mine.show(2)
    teller.answered([Pulse("slot-1", 7, "team", 1)], [True])
    (node / TELLER).symlink_to(tmp_path / "made")
    with pytest.raises(OSError, match="symbolic"):
        teller.tells()
    assert secret.read_bytes() == b"s" * 200
    assert not (tmp_path / "made").exists()


def test_what_is_no_pulse_is_deleted_and_nothing_waits_for_it(node: Path) -> None:
    """Also half of one, whose member makes a new one. Red (it hangs) without `O_NONBLOCK`."""
    mine, teller = make(node), make(node, "slot-2")
    mine.show(1)
    (node / "slot-1").write_bytes((node / "slot-1").read_bytes()[:50])
    os.mkfifo(node / "slot-3")
    (node / "slot-4").write_bytes(b"\xff" * 200)
    (node / "slot-5").mkdir()
    assert teller.news(1) == []
    assert os.listdir(node) == ["slot-5"]
    with pytest.raises(FileNotFoundError):
        mine.show(2)
    mine.show(3)
    assert [each.at for each in teller.news(3)] == [3]


def test_pulses_of_the_dead_do_not_pile_up(node: Path) -> None:
    """Red without the `unlink` of `news`."""
    mine, dead, teller = make(node), make(node, "slot-dead"), make(node, "slot-2")
    dead.show(1000)
    mine.show(1000 + FORGOTTEN)
    teller.news(1000 + FORGOTTEN)
    assert sorted(os.listdir(node)) == ["slot-1", "slot-dead"]
    teller.news(1000 + FORGOTTEN + 1)
    assert os.listdir(node) == ["slot-1"]
    dead.answered([Pulse("slot-dead", 7, "team", 1000)], [True])  # what is gone is not made again
    assert os.listdir(node) == ["slot-1"]


def test_who_ends_leaves_nothing_and_another_tells(node: Path) -> None:
    """Red without the `unlink` of `end`, and with a lock that counts for nothing."""
    first, second = make(node), make(node, "slot-2")
    first.show(1)
    second.show(1)
    assert [first.tells(), second.tells(), first.tells()] == [True, False, True]
    first.end()
    first.end()
    assert sorted(os.listdir(node)) == [TELLER, "slot-2"]
    assert second.tells()
    second.end()


def test_when_all_is_deleted_there_is_one_teller_again(node: Path) -> None:
    """As a new life of Connections does. Red with a lock on a file that is gone taken for one (`st_nlink`)."""
    first, second = make(node), make(node, "slot-2")
    first.show(1)
    assert first.tells()
    for path in node.iterdir():
        path.unlink()
    assert second.tells()
    assert not first.tells()
    second.end()


HOLDS = """
import sys, time
from pathlib import Path
from maestro_ray.actors.pulses import Pulses
other = Pulses(Path(sys.argv[1]), "slot-other", 1, "team")
other.show(1)
print(other.tells(), flush=True)
time.sleep(60)
"""


def test_a_teller_that_is_killed_is_one_no_more_and_one_that_stands_still_is(node: Path) -> None:
    mine = make(node)
    mine.show(1)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(node)], stdout=subprocess.PIPE, text=True
    ) as other:
        try:
            assert other.stdout
            assert other.stdout.readline() == "True\n"
            other.send_signal(signal.SIGSTOP)
            assert not mine.tells()
        finally:
            other.kill()
    assert mine.tells()
    mine.end()


def test_no_program_that_is_started_keeps_the_lock(node: Path) -> None:
    """Red with a lock that is inherited (`os.set_inheritable`), which Python's own `os.open` never gives."""
    mine, other = make(node), make(node, "slot-2")
    mine.show(1)
    assert mine.tells()
    with subprocess.Popen(["sleep", "60"], close_fds=False) as program:
        try:
            mine.end()
            other.show(1)
            assert other.tells()
        finally:
            program.kill()
    other.end()


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "pulses").touch()
    with pytest.raises(OSError):
        make(tmp_path / "pulses" / "node").show(1)
    with pytest.raises(FileNotFoundError):  # on a node that has no such home nothing is made
        make(tmp_path / "no" / "pulses" / "node").show(1)
    assert not (tmp_path / "no").exists()


def test_a_team_whose_name_is_too_long_is_nobodys(node: Path) -> None:
    """It is cut, so it does not count and pings itself."""
    longer = Pulses(node, "slot-1", 7, "t" * 100)
    longer.show(1)
    assert [each.team for each in longer.news(1)] == ["t" * 64]
    assert (node / "slot-1").stat().st_size == module._SIZE
