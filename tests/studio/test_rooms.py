from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.protocol.events import Member
from maestro_ray.studio.rooms import Rooms

ROOM = "presence-team.shop"
ADA, BOB = Member("1", {"name": "ada"}), Member("2", {"name": "bob"})


def test_a_person_comes_and_goes_once_for_all_their_connections() -> None:
    rooms: Rooms[str] = Rooms()
    assert rooms.enter(ROOM, "a", ADA)
    assert not rooms.enter(ROOM, "b", Member("1", {"name": "another"}))
    assert rooms.enter(ROOM, "c", BOB)
    assert rooms.people(ROOM) == {"1": {"name": "ada"}, "2": {"name": "bob"}}
    assert rooms.leave(ROOM, "a") is None
    assert rooms.people(ROOM) == {"1": {"name": "another"}, "2": {"name": "bob"}}
    assert rooms.leave(ROOM, "b") == Member("1", {"name": "another"})
    assert rooms.inside(ROOM) == ("c",)


def test_whom_a_subscriber_is_on_the_channel_as() -> None:
    rooms: Rooms[str] = Rooms()
    rooms.enter(ROOM, "a", ADA)
    rooms.enter("private-team.shop", "a")
    assert rooms.member(ROOM, "a") == ADA
    assert rooms.member(ROOM, "b") is rooms.member("private-team.shop", "a") is None


def test_on_a_private_channel_nobody_is_a_person() -> None:
    rooms: Rooms[str] = Rooms()
    assert not rooms.enter(ROOM, "a")
    assert not rooms.enter(ROOM, "b")
    assert rooms.people(ROOM) == {}
    assert rooms.inside(ROOM) == ("a", "b")
    assert rooms.leave(ROOM, "a") is None
    assert rooms.inside(ROOM) == ("b",)


def test_who_is_not_there_cannot_leave() -> None:
    rooms: Rooms[str] = Rooms()
    assert rooms.leave(ROOM, "a") is None
    rooms.enter(ROOM, "b", ADA)
    assert rooms.leave(ROOM, "a") is None
    assert rooms.leave("presence-team.other", "b") is None
    assert rooms.inside(ROOM) == ("b",)


def test_an_empty_room_costs_nothing() -> None:
    rooms: Rooms[str] = Rooms()
    for number in range(3):
        rooms.enter(f"{ROOM}{number}", "a", ADA)
        rooms.leave(f"{ROOM}{number}", "a")
    assert rooms._rooms == {}


moves = st.tuples(st.booleans(), st.sampled_from("abcd"), st.sampled_from([ADA, BOB, None]))


@given(st.lists(moves, max_size=30))
def test_what_is_announced_adds_up_to_who_is_there(plan: list[tuple[bool, str, Member | None]]) -> None:
    """Somebody who hears every coming and going knows the same people as the room."""
    rooms: Rooms[str] = Rooms()
    heard: set[str] = set()
    for coming, connection, member in plan:
        if coming and connection not in rooms.inside(ROOM):
            if rooms.enter(ROOM, connection, member):
                assert member
                assert member.user_id not in heard
                heard.add(member.user_id)
        elif not coming:
            gone = rooms.leave(ROOM, connection)
            if gone:
                heard.remove(gone.user_id)
        assert heard == set(rooms.people(ROOM))
