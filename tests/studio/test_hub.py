from __future__ import annotations

import json
from typing import Any

from maestro_ray.protocol.pusher import Code
from maestro_ray.protocol.session import EventReceived, Member
from maestro_ray.studio.hub import Hub

ROOM, MEMBERS = "private-team.shop", "presence-team.shop"
ADA, BOB = Member("1", {"name": "ada"}), Member("2", {"name": "bob"})
ADDED, REMOVED = "pusher_internal:member_added", "pusher_internal:member_removed"


class Ear:
    """A connection that notes what it is told."""

    def __init__(self, hub: Hub, socket_id: str) -> None:
        self.socket_id = socket_id
        self.held: dict[str, float] = {}
        self.heard: list[tuple[str, Any]] = []
        self.ended: list[tuple[int, str]] = []
        hub.arrive(self)

    def deliver(self, channel: str, text: str) -> None:
        frame = json.loads(text)
        assert frame["channel"] == channel
        self.heard.append((frame["event"], json.loads(frame["data"])))

    def listens_to(self) -> int:
        return 1

    def hang_up(self, code: int, reason: str) -> None:
        self.ended.append((code, reason))

    def turn_away(self, code: Code, reason: str) -> None:
        self.ended.append((code, f"turned away: {reason}"))


class Others:
    """The neighbours, and what they are told."""

    def __init__(self) -> None:
        self.told: list[tuple[Any, ...]] = []

    def moved(self, channel: str, user_id: str) -> None:
        self.told.append(("moved", channel, user_id))

    def said(self, channel: str, event: str, data: Any, user_id: str | None) -> None:
        self.told.append(("said", channel, event, data, user_id))

    def look_again(self) -> None:
        self.told.append(("look again",))


def test_a_channel_nobody_spoke_on_has_no_number() -> None:
    hub = Hub("key", "secret")
    assert hub.number(ROOM) == 0
    hub.publish(ROOM, "team.message", {})
    assert hub.number(ROOM) == 1
    assert hub.number("private-team.another") == 0


def test_an_event_of_another_process_keeps_its_id_and_number() -> None:
    hub = Hub("key", "secret")
    ear = Ear(hub, "1.1")
    assert hub.enter(ear, ROOM, None) == {"n": 0}
    hub.publish(ROOM, "team.message", {"x": 1}, "an-id", 7)
    hub.publish(ROOM, "team.message", {})
    assert [told["params"]["n"] for _, told in ear.heard] == [7, 8]
    assert ear.heard[0][1]["params"] == {"id": "an-id", "n": 7, "x": 1}


def test_who_listens_for_a_sign_in_that_was_cut_is_turned_away_and_who_came_after_it_is_not() -> None:
    hub = Hub("key", "secret")
    before, after, other, nobody = [Ear(hub, f"1.{n}") for n in range(4)]
    assert hub.hold("1.0", ["ada", "her laptop"], 10.0)
    assert hub.hold("1.1", ["ada"], 20.5)
    assert hub.hold("1.2", ["bob"], 10.0)
    assert not hub.hold("9.9", ["ada"], 10.0)
    hub.cut("ada", 20.0)
    assert before.ended == [(4200, "turned away: the sign-in has ended")]
    assert after.ended == other.ended == nobody.ended == []


def test_the_oldest_of_the_signatures_of_a_connection_counts() -> None:
    hub = Hub("key", "secret")
    ear = Ear(hub, "1.1")
    hub.hold("1.1", ["ada"], 10.0)
    hub.hold("1.1", ["ada"], 30.0)
    hub.cut("ada", 20.0)
    assert ear.ended


def test_people_elsewhere_are_members_as_those_here_are() -> None:
    hub, others = Hub("key", "secret"), Others()
    hub.neighbours = others
    ear = Ear(hub, "1.1")
    assert hub.enter(ear, MEMBERS, ADA)["presence"]["ids"] == ["1"]
    for _ in range(2):
        hub.arrive_elsewhere("two", MEMBERS, BOB)
        hub.arrive_elsewhere("two", MEMBERS, ADA)
    assert ear.heard == [(ADDED, {"user_id": "2", "user_info": {"name": "bob"}})]
    assert hub.person(MEMBERS, "1") == ADA
    assert hub.person(MEMBERS, "2") is None
    hub.leave(ear, MEMBERS)
    assert hub.enter(ear, MEMBERS, ADA)["presence"]["ids"] == ["2", "1"]
    for studio in ("three", "two"):
        hub.depart_elsewhere(studio, MEMBERS, "2")
    assert ear.heard[1:] == [(REMOVED, {"user_id": "2"})]
    assert others.told == [("moved", MEMBERS, "1")] * 3


def test_what_a_client_says_is_passed_on_and_told_the_others_and_what_they_say_is_only_passed_on() -> None:
    hub, others = Hub("key", "secret"), Others()
    hub.neighbours = others
    one, two = Ear(hub, "1.1"), Ear(hub, "1.2")
    for ear in (one, two):
        hub.enter(ear, ROOM, None)
    hub.relay(one, EventReceived(ROOM, "client-x", '{"a":1}', None))
    hub.pass_on(ROOM, "client-y", '{"b":2}', None)
    assert one.heard == [("client-y", {"b": 2})]
    assert two.heard == [("client-x", {"a": 1}), ("client-y", {"b": 2})]
    assert others.told == [("said", ROOM, "client-x", '{"a":1}', None)]


def test_after_missed_events_everybody_comes_back_and_the_others_are_looked_up() -> None:
    hub, others = Hub("key", "secret"), Others()
    hub.neighbours = others
    ear = Ear(hub, "1.1")
    hub.renumber({ROOM: 5}, 3)
    assert (hub.number(ROOM), hub.number("private-team.x")) == (5, 3)
    assert ear.ended == [(4200, "events were missed")]
    assert others.told == [("look again",)]
    hub.depart(ear)
    assert hub.count() == (0, 0)
