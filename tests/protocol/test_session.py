"""Conversations between both ends over a pretend link: also a lossy, repeating, reordering and lying one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.protocol import session
from maestro_ray.protocol.auth import sign_channel
from maestro_ray.protocol.jsonrpc import Notification, encode
from maestro_ray.protocol.pusher import Advice
from maestro_ray.protocol.session import (
    ClientLimits,
    ClientSession,
    CloseSocket,
    Connected,
    ConnectionState,
    Disconnected,
    ErrorReceived,
    EventReceived,
    FrameRejected,
    GapSeen,
    Notified,
    ServerLimits,
    ServerSession,
    Subscribed,
    SubscriptionRefused,
    SubscriptionState,
    Unsubscribed,
)
from protocol.link import KEY, PROJECT, SECRET, SOCKET, Link
from protocol.test_strictjson import json_values

TEAM = "private-team.blue"


def publish(link: Link, n: int, channel: str = PROJECT) -> None:
    link.server.publish(
        channel, "task.updated", encode(Notification("task.updated", {"id": f"e{n}", "n": n}))
    )


def numbers(link: Link) -> list[Any]:
    return [event.params["n"] for event in link.events_of(Notified)]


def test_connect_subscribe_hear_speak_leave() -> None:
    link = Link(accepted_with={"n": 2}).open()
    link.subscribe(PROJECT)
    publish(link, 3)
    link.run()
    link.client.send_event(PROJECT, "client-typing", {"who": "ada"})
    link.run()
    link.client.unsubscribe(PROJECT)
    link.run()
    publish(link, 4)
    link.run()

    assert link.client_events == [
        Connected(SOCKET, 30.0),
        Subscribed(PROJECT, {"n": 2}),
        Notified(PROJECT, "task.updated", {"id": "e3", "n": 3}),
    ]
    assert EventReceived(PROJECT, "client-typing", {"who": "ada"}) in link.server_events
    assert link.server_events[-1] == Unsubscribed(PROJECT)
    assert link.server.channels == []


def test_everything_a_server_sends_has_a_string_as_data_but_the_error() -> None:
    link = Link().open().subscribe()
    link.client.subscribe(TEAM, "bad:signature", now=link.now)
    publish(link.run(), 1)
    link.run()

    kinds = {frame["event"]: type(frame["data"]) for frame in link.frames("server")}
    assert kinds.pop("pusher:error") is dict
    assert set(kinds.values()) == {str}
    assert len(kinds) == 4
    assert all(isinstance(frame["data"], dict) for frame in link.frames("client"))


def test_a_wrong_signature_refuses_one_channel_and_no_other() -> None:
    link = Link().open()
    link.client.subscribe(PROJECT, sign_channel(KEY, SECRET, SOCKET, PROJECT), now=link.now)
    link.client.subscribe(TEAM, "bad:signature", now=link.now)
    link.client.subscribe("private-z", sign_channel(KEY, SECRET, SOCKET, "private-z"), now=link.now)
    link.run()

    assert link.client.subscription(PROJECT) is SubscriptionState.SUBSCRIBED
    assert link.client.subscription(TEAM) is SubscriptionState.FAILED
    assert link.client.subscription("private-z") is SubscriptionState.SUBSCRIBED
    assert link.events_of(SubscriptionRefused) == [
        SubscriptionRefused(TEAM, 4009, "Connection is unauthorized")
    ]
    assert link.events_of(ErrorReceived) == []


def test_a_right_taken_away_ends_the_subscription_at_both_ends() -> None:
    link = Link().open().subscribe()

    link.server.refuse(PROJECT, "the token has expired")
    link.run()

    assert link.client.subscription(PROJECT) is SubscriptionState.FAILED
    assert link.server.channels == []
    assert link.subscribe().client.subscription(PROJECT) is SubscriptionState.SUBSCRIBED


def test_a_presence_channel_knows_its_members() -> None:
    link = Link().open().subscribe("presence-x", '{"user_id":"7","user_info":{"name":"Ada"}}')

    link.client.send_event("presence-x", "client-hi", [1])
    link.run()

    assert link.server_events[-1] == EventReceived("presence-x", "client-hi", [1], "7")


@pytest.mark.parametrize(
    ("key", "protocol", "code"), [("wrong", "7", 4001), (KEY, None, 4008), (KEY, "x", 4006), (KEY, "4", 4007)]
)
def test_who_is_turned_away_does_not_come_back_unchanged(key: str, protocol: str | None, code: int) -> None:
    link = Link().open(key, protocol)

    (over,) = link.events_of(Disconnected)
    assert (over.code, over.advice, over.lived) == (code, Advice.DO_NOT_RECONNECT, 0.0)
    assert link.events_of(Connected) == []
    assert link.client.next_deadline() is link.server.next_deadline() is None


def test_a_silent_link_is_kept_alive_by_both_ends_for_a_day() -> None:
    link = Link().open().subscribe()

    link.wait(86_400.0)

    assert link.client.state is link.server.state is ConnectionState.ESTABLISHED
    assert link.events_of(CloseSocket) == []
    assert 2000 < sum("ping" in text for _, text in link.sent) < 6000


def test_a_cut_link_is_noticed_by_the_client_and_left_by_the_server() -> None:
    link = Link().open().subscribe()
    link.mangle = lambda text: []

    link.wait(61.0)

    (over,) = link.events_of(Disconnected)
    assert (over.code, over.advice, over.lived) == (4201, Advice.RECONNECT_NOW, 60.0)
    assert Unsubscribed(PROJECT) in link.server_events


def test_a_client_that_hangs_is_closed_with_4201() -> None:
    link = Link(client=ClientLimits(activity_timeout=10_000.0)).open()
    link.client.receive = lambda text, now: []  # type: ignore[method-assign]
    link.client.handle_timer = lambda now: []  # type: ignore[method-assign]
    link.client.next_deadline = lambda: None  # type: ignore[method-assign]

    link.wait(60.0)

    assert CloseSocket(4201, "Pong reply not received") in link.server_events


def test_events_lost_on_the_way_are_noticed() -> None:
    link = Link(accepted_with={"n": 0}).open().subscribe()
    link.mangle = lambda text: [] if "e2" in text or "e3" in text else [text]

    for n in range(1, 6):
        publish(link, n)
    link.run()

    assert numbers(link) == [1, 4, 5]
    assert link.events_of(GapSeen) == [GapSeen(PROJECT, 2, 4)]


def test_events_repeated_on_the_way_are_dropped() -> None:
    link = Link(accepted_with={"n": 0}).open().subscribe()
    link.mangle = lambda text: [text, text, text]

    for n in range(1, 4):
        publish(link, n)
    link.run()

    assert numbers(link) == [1, 2, 3]
    assert link.events_of(GapSeen) == []


def test_too_many_client_events_are_refused_and_the_connection_lives() -> None:
    link = Link().open().subscribe()
    for _ in range(12):
        link.client.send_event(PROJECT, "client-x", {})
    link.run()

    error = ErrorReceived(4301, "Client event rejected due to rate limit", PROJECT)
    assert link.events_of(ErrorReceived) == [error] * 2
    assert link.client.subscription(PROJECT) is SubscriptionState.SUBSCRIBED
    link.now += 1.0
    link.client.send_event(PROJECT, "client-y", {})
    assert link.run().server_events[-1] == EventReceived(PROJECT, "client-y", {})


def test_a_subscription_too_many_is_refused_by_name() -> None:
    link = Link(server=ServerLimits(subscriptions=1)).open().subscribe(PROJECT).subscribe(TEAM)

    refused = SubscriptionRefused(TEAM, 4004, "at most 1 channels on one connection")
    assert link.events_of(SubscriptionRefused) == [refused]


def test_the_front_door_lists_what_it_opens() -> None:
    assert all(hasattr(session, name) for name in session.__all__)
    public = {name for name, value in vars(session).items() if isinstance(value, type)}
    assert public <= set(session.__all__)


frames = st.fixed_dictionaries(
    {
        "event": st.sampled_from(
            [
                "pusher:connection_established",
                "pusher:error",
                "pusher:ping",
                "pusher:pong",
                "pusher:subscribe",
                "pusher:unsubscribe",
                "pusher_internal:subscription_succeeded",
                "pusher:subscription_error",
                "task.updated",
                "client-x",
                "pusher:signin",
            ]
        )
        | json_values
    },
    optional={
        "channel": st.sampled_from([PROJECT, TEAM, "presence-x"]) | json_values,
        "user_id": json_values,
        "data": json_values
        | st.fixed_dictionaries(
            {},
            optional={
                "code": st.integers(3999, 4400) | json_values,
                "message": json_values,
                "socket_id": st.just("1.2") | json_values,
                "activity_timeout": json_values,
                "channel": st.sampled_from([PROJECT, TEAM, "presence-x"]) | json_values,
                "auth": st.just(sign_channel(KEY, SECRET, SOCKET, PROJECT)) | json_values,
                "channel_data": json_values,
                "n": json_values,
                "jsonrpc": st.just("2.0"),
                "method": st.just("task.updated") | json_values,
                "params": st.fixed_dictionaries({"n": st.integers(-2, 9)}) | json_values,
            },
        ),
    },
)
texts = st.binary(max_size=60) | st.text(max_size=60) | frames.map(json.dumps) | json_values.map(json.dumps)


@settings(deadline=None)
@given(st.lists(st.tuples(texts, st.floats(0, 40)), max_size=20), st.booleans())
def test_a_client_survives_any_server(conversation: list[tuple[str | bytes, float]], greeted: bool) -> None:
    now, seen = 0.0, []
    client = ClientSession(now)
    if greeted:
        client.receive('{"event":"pusher:connection_established","data":{"socket_id":"1.2"}}', now)
        client.subscribe(PROJECT, "k:s", now=now)
        client.subscribe(TEAM, "k:s", now=now)
    for text, wait in conversation:
        now += wait
        seen += client.handle_timer(now)
        seen += client.receive(text, now)
        deadline = client.next_deadline()
        assert (deadline is None) == (client.state is ConnectionState.CLOSED)
        assert all(json.loads(sent)["event"] for sent in client.data_to_send())
    seen += client.closed(1006, "", now)

    assert sum(isinstance(event, Disconnected) for event in seen) == 1
    assert isinstance(seen[-1], Disconnected)
    assert sum(isinstance(event, CloseSocket) for event in seen) <= 1


@settings(deadline=None)
@given(st.lists(st.tuples(texts, st.floats(0, 40)), max_size=20))
def test_a_server_survives_any_client(conversation: list[tuple[str | bytes, float]]) -> None:
    now = 0.0
    server = ServerSession(SOCKET, KEY, SECRET)
    server.open(KEY, "7", now)
    server.data_to_send()
    for text, wait in conversation:
        now += wait
        server.handle_timer(now)
        server.data_to_send()
        events = server.receive(text, now)
        rejected = [event for event in events if isinstance(event, FrameRejected)]
        told = [json.loads(sent) for sent in server.data_to_send()]
        assert [each["data"]["code"] for each in told if each["event"] == "pusher:error"] == [
            event.code for event in rejected
        ]
        for event in events:
            assert not isinstance(event, session.SubscribeAsked) or server.accept(event.channel)
    assert isinstance(server.closed(1006, "", now)[-1], Disconnected)
    assert TEAM not in server.channels


@settings(deadline=None)
@given(st.data(), st.integers(1, 12))
def test_no_loss_repeat_or_reordering_goes_unnoticed_or_is_seen_twice(data: st.DataObject, last: int) -> None:
    link = Link(accepted_with={"n": 0}).open().subscribe()
    for n in range(1, last + 1):
        publish(link, n)
    queued = link.server.data_to_send()
    arriving = data.draw(st.lists(st.sampled_from(queued), max_size=24))

    for text in arriving:
        link.client_events += link.client.receive(text, link.now)

    seen = numbers(link)
    missing = [n for gap in link.events_of(GapSeen) for n in range(gap.expected, gap.got)]
    assert seen == sorted(set(seen))
    assert sorted(seen + missing) == list(range(1, max([0, *seen]) + 1))


@settings(deadline=None)
@given(st.lists(st.sampled_from(["cut", "garble", "repeat", "pass", "insert"]), max_size=30))
def test_a_lying_link_never_breaks_either_end(plan: list[str]) -> None:
    link = Link(accepted_with={"n": 0}).open().subscribe()
    steps = iter(plan)

    def mangle(text: str) -> list[str]:
        return {
            "cut": [text[: len(text) // 2]],
            "garble": [text.replace('"', "'", 3)],
            "repeat": [text, text],
            "pass": [text],
            "insert": ["\x00", text],
        }[next(steps, "pass")]

    link.mangle = mangle
    for n in range(1, 20):
        publish(link, n)
        link.run()
        link.wait(5.0)

    seen = numbers(link)
    assert seen == sorted(set(seen))
    if link.client.state is ConnectionState.ESTABLISHED:
        assert link.client.subscription(PROJECT) is SubscriptionState.SUBSCRIBED
        missing = [n for gap in link.events_of(GapSeen) for n in range(gap.expected, gap.got)]
        assert sorted(seen + missing) == list(range(1, max([0, *seen]) + 1))


def words() -> dict[str, str]:
    """What a client may say, by what is said."""

    def ask(channel: str) -> str:
        auth = sign_channel(KEY, SECRET, SOCKET, channel)
        return json.dumps({"event": "pusher:subscribe", "data": {"channel": channel, "auth": auth}})

    said = {f"ask {channel}": ask(channel) for channel in (PROJECT, TEAM)}
    for channel in (PROJECT, TEAM):
        leave = {"event": "pusher:unsubscribe", "data": {"channel": channel}}
        speak = {"event": "client-x", "channel": channel, "data": {}}
        said |= {f"leave {channel}": json.dumps(leave), f"speak {channel}": json.dumps(speak)}
    return said


@settings(deadline=None)
@given(st.data())
def test_in_any_order_and_any_number_the_last_word_about_a_channel_counts(data: st.DataObject) -> None:
    """Repeats and reorderings of a client's frames, some cut in two, leave a server where a simple model is."""
    link = Link(server=ServerLimits(client_events=100)).open()
    said = words()
    on: set[str] = set()
    for word in data.draw(st.lists(st.sampled_from(sorted(said)), max_size=30)):
        text = said[word]
        cut = data.draw(st.integers(0, len(text) - 1) | st.none())
        for piece in [text] if cut is None else [text[:cut], text[cut:]]:
            events = link.server.receive(piece, link.now)
            link._serve(events)
        action, channel = word.split()
        spoke = any(isinstance(event, EventReceived) for event in events)
        assert spoke == (cut in (None, 0) and action == "speak" and channel in on)
        if cut in (None, 0):
            on = on | {channel} if action == "ask" else on - {channel} if action == "leave" else on
        assert set(link.server.channels) == on


answers = st.sampled_from(
    [
        {"event": "pusher_internal:subscription_succeeded", "channel": PROJECT, "data": "{}"},
        {"event": "pusher:subscription_error", "channel": PROJECT, "data": '{"status":401}'},
        {"event": "pusher:error", "data": {"code": 4009, "message": "no"}},
        {"event": "pusher:error", "data": '{"code":4200,"message":"no"}'},
    ]
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(["ask", "leave"]) | answers, max_size=30))
def test_answers_in_any_order_and_number_never_make_a_channel_heard_that_is_not_wanted(
    story: list[str | dict[str, Any]],
) -> None:
    link = Link().open()
    wanted = False
    for n, step in enumerate(story):
        state = link.client.subscription(PROJECT)
        if step == "ask" and state in (SubscriptionState.ABSENT, SubscriptionState.FAILED):
            link.client.subscribe(PROJECT, "k:s", now=link.now)
            wanted = True
        elif step == "leave" and state is not SubscriptionState.ABSENT:
            link.client.unsubscribe(PROJECT)
            wanted = False
        elif isinstance(step, dict):
            link.client.receive(json.dumps(step), link.now)
        heard = link.client.receive(
            json.dumps(
                {
                    "event": "run.updated",
                    "channel": PROJECT,
                    "data": encode(Notification("run.updated", {"n": n})),
                }
            ),
            link.now,
        )
        subscribed = link.client.subscription(PROJECT) is SubscriptionState.SUBSCRIBED
        assert bool(heard) == subscribed
        assert wanted or not subscribed
