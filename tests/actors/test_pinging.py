"""Pinging: one tells for all, nobody is told of who gives no sign, and who is not told of pings itself."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.actors.messages import Leash, Ping, Pings
from maestro_ray.actors.pinging import ORPHANED_AFTER, Pinging, Trust
from maestro_ray.actors.pulses import Answer
from maestro_ray.testing import FakeClock

PING, LEASE = 1.0, 4.0


@dataclass
class Book:
    """Connections, as far as signs of life go: who lives is known by its own word, and renewed by others'."""

    clock: FakeClock
    told: list[Any] = field(default_factory=list)
    lives: dict[str, tuple[int, float]] = field(default_factory=dict)
    belongs: bool = True
    silent: bool = False

    async def tell(self, message: Any) -> Any:
        self.told.append(message)
        if self.silent:
            raise ConnectionError("nobody")
        now = self.clock.monotonic()
        if isinstance(message, Ping):
            self.lives[message.slot] = (message.pid, now)
            return self.belongs
        return [self._renew(now, each) for each in message.shown]

    def _renew(self, now: float, shown: Any) -> bool:
        pid, beat = self.lives.get(shown.slot, (0, 0.0))
        if pid == shown.pid:
            self.lives[shown.slot] = (pid, max(beat, now - shown.age))
        return pid == shown.pid

    def news(self) -> list[str]:
        """What was told since the last look: the slots of pings, and how many one has told of."""
        told, self.told = self.told, []
        return [each.slot if isinstance(each, Ping) else str(len(each.shown)) for each in told]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def book(clock: FakeClock) -> Book:
    return Book(clock)


class Node:
    """Members of one node; `beat` lets some of them show that they live, a third of a ping apart."""

    def __init__(self, book: Book, run: Path) -> None:
        self.book, self.run = book, run
        self.members: dict[str, Pinging] = {}

    def join(self, *slots: str, lease: float = LEASE, pid: int = 1, name: str = "node") -> None:
        for slot in slots:
            team = Leash("team", "bot", PING, lease, str(self.run / "pulses"))
            self.members[slot] = Pinging(slot, pid, name, team, self.book.tell, self.book.clock)

    async def beat(self, *slots: str, doing: tuple[str, int] = ("", 0)) -> list[str]:
        """One round; what Connections was told."""
        for slot in slots:
            await self.members[slot].once(*doing)
            self.book.clock.advance(PING / len(slots))
        return self.book.news()

    def die(self, slot: str) -> None:
        """As the kernel does it: the lock is free, the file stays."""
        pulses = self.members.pop(slot)._pulses
        assert pulses
        pulses._let_go()


@pytest.fixture
def node(book: Book, tmp_path: Path) -> Iterator[Node]:
    node = Node(book, tmp_path)
    yield node
    for each in node.members.values():
        each.end()


async def test_one_tells_for_all_in_one_message(node: Node) -> None:
    """Red with everybody a teller, and with `must_ping` always true."""
    node.join("a", "b", "c")
    assert await node.beat("a", "b", "c") == ["a", "1", "b", "c"]
    await node.beat("a", "b", "c")
    for _ in range(10):
        assert await node.beat("a", "b", "c") == ["3"]


async def test_its_first_word_is_its_own_and_comes_at_once(node: Node) -> None:
    """Red with two switches: who was never told of is trusted (`answer.counted`), and doing nothing was said before."""
    node.join("a", "b")
    await node.beat("a")
    assert await node.beat("b") == ["b"]


async def test_what_it_works_on_is_said_by_itself_and_at_once(node: Node, book: Book) -> None:
    """Red with `doing` not looked at."""
    node.join("a", "b")
    for _ in range(3):
        await node.beat("a", "b")
    await node.members["b"].once("run", 3)
    assert book.told == [Ping("b", 1, "node", "team", "run", 3)]
    book.told.clear()
    book.clock.advance(0.5)
    assert await node.beat("a") == ["2"]
    assert await node.beat("b", doing=("run", 3)) == []
    assert await node.beat("b") == ["b"]  # and that it is done


async def test_nobody_speaks_for_who_gives_no_sign(node: Node, book: Book) -> None:
    """Red with an age of nothing."""
    node.join("a", "b")
    await node.beat("a", "b")
    shown = book.clock.monotonic() - 0.5
    for _ in range(6):
        await node.beat("a")
    assert book.lives["b"][1] <= shown
    assert book.lives["a"][1] > shown + LEASE


async def test_while_the_teller_stands_still_each_pings_itself_within_its_lease(
    node: Node, book: Book
) -> None:
    """Red with `TRUSTED` of ten pings."""
    node.join("a", "b", "c")
    for _ in range(3):
        await node.beat("a", "b", "c")
    for number in range(20):
        told = await node.beat("b", "c")
        assert all(book.clock.monotonic() - book.lives[each][1] < LEASE for each in "bc")
        assert told == (["b", "c"] if number > 2 else told)
    await node.beat("a", "b", "c")
    await node.beat("a", "b", "c")
    assert await node.beat("a", "b", "c") == ["3"]


async def test_when_the_teller_is_dead_the_next_one_tells_at_once(node: Node, book: Book) -> None:
    """Of those who live. Red with `is_news` always true."""
    node.join("a", "b", "c")
    for _ in range(3):
        await node.beat("a", "b", "c")
    node.die("a")
    assert await node.beat("b", "c") == ["2"]
    assert await node.beat("b", "c") == ["2"]


async def test_a_new_life_of_connections_hears_it_from_each_itself(node: Node, book: Book) -> None:
    """Red with `refused` not looked at: then it would take until the answers are old."""
    node.join("a", "b")
    for _ in range(3):
        await node.beat("a", "b")
    book.lives.clear()
    assert await node.beat("a", "b") == ["2", "b"]
    assert await node.beat("a", "b") == ["a", "2"]
    assert await node.beat("a", "b") == ["2"]


async def test_who_belongs_nowhere_any_more_learns_it_at_the_next_ping(node: Node, book: Book) -> None:
    node.join("a", "b")
    for _ in range(3):
        await node.beat("a", "b")
    book.lives.pop("b")
    book.belongs = False
    assert await node.members["a"].once("", 0)
    assert not await node.members["b"].once("", 0)


async def test_another_process_under_the_same_name_is_another(node: Node, book: Book) -> None:
    """Its predecessor's last sign, told late, is not its own. Red with those two."""
    node.join("a", "b")
    await node.beat("a", "b")
    node.die("b")
    node.join("b", pid=2)
    assert (await node.beat("b"))[0] == "b"
    assert book.lives["b"][0] == 2
    await node.beat("a", "b")
    assert await node.beat("a", "b") == ["2"]


async def test_with_a_short_lease_nobody_relies_on_another(node: Node, tmp_path: Path) -> None:
    """Red with `SHARED_FROM` of 1."""
    node.join("a", "b", lease=3.9 * PING)
    for _ in range(4):
        assert await node.beat("a", "b") == ["a", "b"]
    assert not (tmp_path / "pulses").exists()


async def test_where_nothing_can_be_written_each_pings_itself(node: Node, tmp_path: Path) -> None:
    """Red with an `OSError` that passes, and with the last answer taken for good."""
    node.join("a", "b")
    for _ in range(3):
        await node.beat("a", "b")
    shutil.rmtree(tmp_path / "pulses")
    (tmp_path / "pulses").touch()
    for _ in range(4):
        assert await node.beat("a", "b") == ["a", "b"]
    (tmp_path / "pulses").unlink()
    for _ in range(3):
        await node.beat("a", "b")
    assert await node.beat("a", "b") == ["2"]


async def test_nodes_and_homes_do_not_mix(node: Node, book: Book, tmp_path: Path) -> None:
    """Red with the node left out of the directory's name."""
    other = Node(book, tmp_path / "other")
    other.run.mkdir()
    node.join("a", "b")
    node.join("x", name="far")
    other.join("y")
    for _ in range(4):
        told = [*await node.beat("a", "b", "x"), *await other.beat("y")]
    assert told == ["2", "1", "1"]
    other.members["y"].end()


async def test_silence_is_counted_also_while_one_tells_for_all(node: Node, book: Book) -> None:
    """Nobody is an orphan as long as somebody is answered for it, and everybody is after ten leases of silence."""
    node.join("a", "b")
    for _ in range(int(ORPHANED_AFTER * LEASE) + 5):
        for slot in "ab":
            assert await node.members[slot].once("", 0)
        book.clock.advance(PING)
    book.silent = True
    for _ in range(int(ORPHANED_AFTER * LEASE) - 2):  # its last pulse that was counted is two pings old
        assert await node.members["b"].once("", 0)
        book.clock.advance(PING)
    book.clock.advance(4 * PING)
    assert not await node.members["b"].once("", 0)


async def test_a_connections_that_answers_nonsense_for_all_hears_each_itself(node: Node, book: Book) -> None:
    """Red with an answer that is taken for a list."""
    answer = book.tell

    async def tell(message: Any) -> Any:
        answered = await answer(message)
        return None if isinstance(message, Pings) else answered

    book.tell = tell  # type: ignore[method-assign]
    node.join("a", "b")
    await node.beat("a", "b")
    assert await node.beat("a", "b") == ["a", "2", "b"]


def test_who_was_just_missed_looks_again_soon() -> None:
    """Red with `pause` always a ping."""
    trust = Trust(PING, LEASE)
    assert [trust.pause(12, Answer(counted=at)) for at in (11, 10)] == [PING, PING / 2]


def test_an_answer_of_the_future_is_none() -> None:
    """Red with no lower bound of its age."""
    trust = Trust(PING, LEASE)
    trust.pinged(10, ("", 0))
    assert not trust.must_ping(11, ("", 0), Answer(counted=11))
    assert trust.must_ping(11, ("", 0), Answer(counted=11.5))


# ── all of it at random ──────────────────────────────────────────────────────────────────────────────────────────

SLOTS = "abcd"
TICK, TICKS = 0.1, 200
# who lives is never nearer to its end than one ping, also while one that tells stands still
WITHIN = LEASE - PING
HAPPENS = st.lists(
    st.tuples(st.integers(1, TICKS), st.sampled_from(SLOTS), st.sampled_from(["stop", "go", "kill"])),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(happens=HAPPENS, seed=st.integers(0, 2**16))
def test_who_lives_is_known_to_and_who_does_not_is_not(
    happens: list[tuple[int, str, str]], seed: int
) -> None:
    """Members that come late by up to a fifth of a ping, stand still, go on and die.

    Red with `TRUSTED` of 4, without looking again after half a ping (`pause`), and with signs told without their age.
    """
    with tempfile.TemporaryDirectory() as directory:
        asyncio.run(_live(Path(directory), happens, random.Random(seed)))


async def _live(run: Path, happens: list[tuple[int, str, str]], chance: random.Random) -> None:
    clock = FakeClock()
    book = Book(clock)
    node = Node(book, run)
    node.join(*SLOTS)
    due = {slot: clock.monotonic() + chance.random() for slot in SLOTS}
    # the time of the last sign of who stands still
    still: dict[str, float] = {}
    shown = dict.fromkeys(SLOTS, 0.0)
    for tick in range(TICKS):
        now = clock.monotonic()
        for _, slot, what in (each for each in happens if each[0] == tick):
            if what == "stop":
                still.setdefault(slot, shown[slot])
            elif what == "go":
                still.pop(slot, None)
            else:
                node.die(slot)
                node.join(slot, pid=tick + 2)
                book.lives.pop(slot, None)
                still.pop(slot, None)
                due[slot] = now + 0.5
        for slot in chance.sample(SLOTS, len(SLOTS)):
            if slot not in still and due[slot] <= now:
                assert await node.members[slot].once("", 0)
                shown[slot], due[slot] = now, now + node.members[slot].pause * (1 + chance.random() / 5)
                assert slot in book.lives
        for slot, (_, beat) in book.lives.items():
            if slot in still:
                assert beat <= still[slot], (
                    f"{slot} stands still since {still[slot]}, and was shown at {beat}"
                )
            elif shown[slot] == now or due[slot] > now:
                assert now - beat < WITHIN, f"{slot} is as good as lost"
        clock.advance(TICK)
    for each in node.members.values():
        each.end()
