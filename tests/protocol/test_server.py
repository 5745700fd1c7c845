"""The server's session alone, against what clients and attackers send; `test_session` has the conversations."""

from __future__ import annotations

import json
from typing import Any

import pytest

from maestro_ray.errors import BadFrame, IllegalEvent
from maestro_ray.protocol.auth import sign_channel
from maestro_ray.protocol.events import (
    CloseSocket,
    Disconnected,
    EventReceived,
    FrameRejected,
    Member,
    SubscribeAsked,
    Unsubscribed,
)
from maestro_ray.protocol.pusher import Advice, Code, encode_frame, notification, presence
from maestro_ray.protocol.server import ServerLimits, ServerSession
from maestro_ray.protocol.states import ConnectionState

KEY, SECRET, SOCKET = "app-key", "app-secret", "123.456"
A = "private-a"


def frame(event: str, data: Any = None, channel: str | None = None) -> str:
    return json.dumps({"event": event, "data": data, "channel": channel})


def asking(channel: str = A, channel_data: str | None = None, **changes: Any) -> str:
    auth = sign_channel(KEY, SECRET, SOCKET, channel, channel_data)
    asked = {"channel": channel, "auth": auth, "channel_data": channel_data} | changes
    return frame("pusher:subscribe", {name: value for name, value in asked.items() if value is not None})


def sent(server: ServerSession) -> list[dict[str, Any]]:
    return [json.loads(text) for text in server.data_to_send()]


def opened(**limits: Any) -> ServerSession:
    session = ServerSession(SOCKET, KEY, SECRET, ServerLimits(**limits))
    assert session.open(KEY, "7", 100.0) == []
    session.data_to_send()
    return session


@pytest.fixture
def server() -> ServerSession:
    return opened()


@pytest.fixture
def subscribed(server: ServerSession) -> ServerSession:
    server.receive(asking(), 101.0)
    server.accept(A)
    server.data_to_send()
    return server


def refused(server: ServerSession, code: int | None, message: str, channel: str | None = None) -> None:
    """The client was told exactly this, and the connection lives."""
    (error,) = (each for each in sent(server) if each["event"] == "pusher:error")
    assert error["data"] == {"code": code, "message": message}
    assert error.get("channel") == channel
    server.receive(frame("pusher:ping"), 200.0)
    assert [each["event"] for each in sent(server)] == ["pusher:pong"]


@pytest.mark.parametrize("protocol", ["5", "6", "7"])
def test_the_greeting(protocol: str) -> None:
    server = ServerSession(SOCKET, KEY, SECRET)

    assert server.state is ConnectionState.CONNECTING
    assert server.open(KEY, protocol, 100.0) == []
    assert sent(server) == [
        {"event": "pusher:connection_established", "data": '{"socket_id":"123.456","activity_timeout":30}'}
    ]
    assert (server.state, server.socket_id) == (ConnectionState.ESTABLISHED, SOCKET)


@pytest.mark.parametrize(
    ("key", "protocol", "code", "message"),
    [
        ("wrong", "7", 4001, "Application does not exist"),
        (KEY, None, 4008, "No protocol version supplied"),
        (KEY, "", 4008, "No protocol version supplied"),
        (KEY, "seven", 4006, "Invalid version string format"),
        (KEY, "-7", 4006, "Invalid version string format"),
        (KEY, "٧", 4006, "Invalid version string format"),
        (KEY, "7" * 5000, 4006, "Invalid version string format"),
        (KEY, "4", 4007, "Unsupported protocol version"),
        (KEY, "8", 4007, "Unsupported protocol version"),
    ],
)
def test_who_is_turned_away_is_told_why_in_both_ways(
    key: str, protocol: str | None, code: int, message: str
) -> None:
    server = ServerSession(SOCKET, KEY, SECRET)

    assert server.open(key, protocol, 100.0) == [CloseSocket(code, message)]
    assert sent(server) == [{"event": "pusher:error", "data": {"code": code, "message": message}}]
    assert server.state is ConnectionState.CLOSED
    assert server.receive(asking(), 101.0) == []
    assert server.closed(1006, "", 101.0) == [Disconnected(code, message, Advice.DO_NOT_RECONNECT, 0.0)]


def test_the_shell_may_turn_somebody_away_too() -> None:
    server = ServerSession(SOCKET, KEY, SECRET)

    assert server.turn_away(Code.UNAUTHORIZED, "Origin not allowed") == [
        CloseSocket(4009, "Origin not allowed")
    ]
    (sent,) = server.data_to_send()
    assert json.loads(sent)["data"] == {"code": 4009, "message": "Origin not allowed"}
    with pytest.raises(IllegalEvent):
        server.turn_away(Code.UNAUTHORIZED, "again")
    assert server.data_to_send() == []
    with pytest.raises(IllegalEvent):
        server.open(KEY, "7", 100.0)


def test_it_opens_once(server: ServerSession) -> None:
    with pytest.raises(IllegalEvent, match="establish is not possible in state established"):
        server.open("wrong", "7", 101.0)
    assert server.state is ConnectionState.ESTABLISHED


def test_a_socket_id_has_its_form() -> None:
    with pytest.raises(BadFrame, match=r"digits\.digits"):
        ServerSession("abc", KEY, SECRET)


def test_nothing_happens_before_it_is_open() -> None:
    server = ServerSession(SOCKET, KEY, SECRET)

    assert server.receive(asking(), 100.0) == []
    assert server.next_deadline() is None
    assert server.handle_timer(1000.0) == []
    assert not server.accept(A)
    assert not server.refuse(A, "no")
    assert not server.publish(A, "e", {})
    assert server.data_to_send() == []


@pytest.mark.parametrize("as_text", [False, True])
def test_a_signed_subscription_is_asked_for_and_confirmed(server: ServerSession, as_text: bool) -> None:
    text = asking()
    if as_text:
        text = frame("pusher:subscribe", json.dumps(json.loads(text)["data"]))

    assert server.receive(text, 101.0) == [SubscribeAsked(A)]
    assert server.channels == []
    assert not server.publish(A, "e", {})
    assert server.accept(A, {"n": 4})
    assert sent(server) == [
        {"event": "pusher_internal:subscription_succeeded", "channel": A, "data": '{"n":4}'}
    ]
    assert server.channels == [A]
    assert not server.accept(A)


def test_a_public_channel_needs_no_signature_and_is_the_shells_to_refuse(server: ServerSession) -> None:
    assert server.receive(frame("pusher:subscribe", {"channel": "news"}), 101.0) == [SubscribeAsked("news")]
    assert server.refuse("news", "there are no public channels")
    refused(server, 4009, "there are no public channels", "news")
    assert not server.accept("news")


@pytest.mark.parametrize(
    "text",
    [
        asking(auth=None),
        asking(auth=""),
        asking(auth="app-key:" + "0" * 64),
        asking(auth=sign_channel(KEY, SECRET, "123.457", A)),
        asking(auth=sign_channel(KEY, SECRET, SOCKET, "private-b")),
        asking(auth=sign_channel(KEY, "guessed", SOCKET, A)),
        asking(auth=sign_channel("other", SECRET, SOCKET, A)),
        asking(channel_data='{"user_id":"1"}', auth=sign_channel(KEY, SECRET, SOCKET, A)),
    ],
)
def test_a_wrong_signature_gets_nobody_in(server: ServerSession, text: str) -> None:
    assert server.receive(text, 101.0) == [FrameRejected("Connection is unauthorized", 4009, A)]
    refused(server, 4009, "Connection is unauthorized", A)
    assert server.channels == []
    assert not server.accept(A)


def test_a_refusal_also_goes_to_the_channel_where_laravel_echo_listens(server: ServerSession) -> None:
    server.receive(asking(auth=None), 101.0)

    error, on_channel = sent(server)
    assert error["event"] == "pusher:error"
    assert (on_channel["event"], on_channel["channel"]) == ("pusher:subscription_error", A)
    assert json.loads(on_channel["data"])["status"] == 401


def test_a_member_is_known_by_the_signed_data(server: ServerSession) -> None:
    member = '{"user_id":10,"user_info":{"name":"Ada"}}'

    assert server.receive(asking("presence-a", member), 101.0) == [
        SubscribeAsked("presence-a", Member("10", {"name": "Ada"}))
    ]
    assert server.accept("presence-a", presence({"10": {"name": "Ada"}}))
    assert json.loads(sent(server)[0]["data"])["presence"]["count"] == 1


@pytest.mark.parametrize(
    "data", [None, "{", "[]", "{}", '{"user_id":""}', '{"user_id":true}', '{"user_id":1,"user_id":2}']
)
def test_a_member_without_name_does_not_join(server: ServerSession, data: str | None) -> None:
    reason = "channel_data must be JSON with a user_id"

    assert server.receive(asking("presence-a", data), 101.0) == [FrameRejected(reason, 4009, "presence-a")]
    refused(server, 4009, reason, "presence-a")


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "a subscription names its channel"),
        ({}, "a subscription names its channel"),
        ({"channel": 5}, "a subscription names its channel"),
        ("{", "a subscription names its channel"),
        ({"channel": A, "auth": 5}, "auth and channel_data are strings"),
        ({"channel": A, "channel_data": {}}, "auth and channel_data are strings"),
    ],
)
def test_a_subscription_without_form_is_malformed(server: ServerSession, data: Any, what: str) -> None:
    server.receive(frame("pusher:subscribe", data), 101.0)
    refused(server, 4200, f"Invalid message format: {what}")


@pytest.mark.parametrize("channel", ["", "a b", "private-a:b", "#server-to-user-1", "private-" + "a" * 200])
def test_a_channel_has_a_name(server: ServerSession, channel: str) -> None:
    server.receive(frame("pusher:subscribe", {"channel": channel}), 101.0)
    refused(server, 4009, "Invalid channel name")


def test_a_second_request_for_a_channel_changes_nothing(subscribed: ServerSession) -> None:
    assert subscribed.receive(asking(), 102.0) == [FrameRejected("already subscribed", None, A)]
    refused(subscribed, None, "already subscribed", A)
    assert subscribed.channels == [A]


def test_ten_thousand_subscriptions_stop_at_the_limit() -> None:
    server = opened()

    asked = [server.receive(frame("pusher:subscribe", {"channel": f"c{i}"}), 101.0)[0] for i in range(10_000)]

    assert [type(each) for each in asked[99:101]] == [SubscribeAsked, FrameRejected]
    assert sum(isinstance(each, SubscribeAsked) for each in asked) == 100
    assert asked[-1] == FrameRejected("at most 100 channels on one connection", 4004, "c9999")
    server.data_to_send()
    assert server.receive(frame("pusher:unsubscribe", {"channel": "c0"}), 102.0) == [Unsubscribed("c0")]
    assert server.receive(asking(), 102.0) == [SubscribeAsked(A)]


def test_leaving(subscribed: ServerSession) -> None:
    leave = frame("pusher:unsubscribe", {"channel": A})

    assert subscribed.receive(leave, 102.0) == [Unsubscribed(A)]
    assert subscribed.receive(leave, 102.0) == []
    assert not subscribed.publish(A, "e", {})
    assert sent(subscribed) == []


def test_leaving_before_the_answer_makes_the_answer_void(server: ServerSession) -> None:
    server.receive(asking(), 101.0)
    server.receive(frame("pusher:unsubscribe", {"channel": A}), 101.0)

    assert not server.accept(A)
    assert server.data_to_send() == []


def test_leaving_what(server: ServerSession) -> None:
    server.receive(frame("pusher:unsubscribe", {"channel": []}), 101.0)
    refused(server, 4200, "Invalid message format: unsubscribe names its channel")


def test_a_running_subscription_can_be_ended(subscribed: ServerSession) -> None:
    assert subscribed.refuse(A, "your token has expired")
    refused(subscribed, 4009, "your token has expired", A)
    assert not subscribed.publish(A, "e", {})
    assert not subscribed.refuse(A, "again")


def test_publishing_reaches_only_subscribers(subscribed: ServerSession) -> None:
    assert subscribed.publish(A, "task.updated", {"n": 1})
    assert subscribed.deliver(A, encode_frame(notification(A, "run.chunk", {"n": 2})))
    assert not subscribed.publish("private-b", "e", {})

    first, second = sent(subscribed)
    assert first == {"event": "task.updated", "channel": A, "data": '{"n":1}'}
    assert json.loads(second["data"])["params"] == {"n": 2}


@pytest.mark.parametrize("data", [{"a": 1}, '{"a":1}', "plain", None, [1]])
def test_a_client_event_comes_out_as_it_came(subscribed: ServerSession, data: Any) -> None:
    event = EventReceived(A, "client-hi", data)

    assert subscribed.receive(frame("client-hi", data, A), 102.0) == [event]
    assert subscribed.data_to_send() == []


def test_a_client_event_on_a_presence_channel_says_who_sent_it(server: ServerSession) -> None:
    server.receive(asking("presence-a", '{"user_id":"7"}'), 101.0)
    server.accept("presence-a")
    forged = json.dumps({"event": "client-hi", "channel": "presence-a", "user_id": "1"})

    assert server.receive(forged, 102.0) == [EventReceived("presence-a", "client-hi", None, "7")]


def test_client_events_need_a_subscribed_private_channel(server: ServerSession) -> None:
    message = "The client is not a member of the specified private or presence channel."
    server.receive(frame("pusher:subscribe", {"channel": "public"}), 101.0)
    server.accept("public")
    server.receive(asking("private-pending"), 101.0)
    server.data_to_send()

    for channel in (A, "public", "private-pending"):
        assert server.receive(frame("client-hi", {}, channel), 102.0) == [
            FrameRejected(message, 4009, channel)
        ]
        refused(server, 4009, message, channel)


def test_client_events_have_a_channel_and_a_short_name(subscribed: ServerSession) -> None:
    subscribed.receive(frame("client-hi", {}), 102.0)
    refused(subscribed, 4200, "Invalid message format: a client event names its channel")
    subscribed.receive(frame("client-" + "x" * 194, {}, A), 103.0)
    refused(subscribed, 4301, "an event's name has at most 200 characters", A)
    longest = "client-" + "x" * 193
    assert subscribed.receive(frame(longest, {}, A), 104.0) == [EventReceived(A, longest, {})]


def test_ten_client_events_in_any_second(subscribed: ServerSession) -> None:
    def send(now: float) -> bool:
        (event,) = subscribed.receive(frame("client-hi", {}, A), now)
        return isinstance(event, EventReceived)

    assert [send(102.0 + i / 100) for i in range(12)] == [True] * 10 + [False] * 2
    rejected = [each["data"] for each in sent(subscribed)]
    assert rejected == [{"code": 4301, "message": "Client event rejected due to rate limit"}] * 2
    assert not send(102.999)
    assert send(103.0)
    assert not send(103.005)
    assert send(103.01)


def test_a_rate_of_nothing_allows_nothing() -> None:
    server = opened(client_events=0)

    (event,) = server.receive(frame("client-hi", {}, A), 101.0)
    assert event == FrameRejected("Client event rejected due to rate limit", 4301, A)


@pytest.mark.parametrize(
    "event", ["task.updated", "pusher:signin", "pusher_internal:member_added", "Client-hi", "client"]
)
def test_any_other_event_is_refused(subscribed: ServerSession, event: str) -> None:
    subscribed.receive(frame(event, {}, A), 102.0)
    refused(subscribed, 4301, f"unknown event {event}")


def test_a_long_unknown_name_is_not_sent_back_whole(server: ServerSession) -> None:
    server.receive(frame("x" * 5000), 101.0)
    refused(server, 4301, "unknown event " + "x" * 200)


@pytest.mark.parametrize(
    "text", ["", "{", b"\xff\xfe", "[]", "{}", '{"event":1}', '{"a":1,"a":1}', "[" * 5000, "NaN"]
)
def test_an_unreadable_frame_is_answered_on_a_usable_connection(
    server: ServerSession, text: str | bytes
) -> None:
    (rejected,) = server.receive(text, 101.0)

    assert isinstance(rejected, FrameRejected)
    refused(server, 4200, rejected.reason)
    assert rejected.reason.startswith("Invalid message format: ")


def test_the_size_of_a_message_counts_in_bytes(server: ServerSession) -> None:
    server.receive(frame("pusher:ping").ljust(10_000), 101.0)
    assert sent(server)[0]["event"] == "pusher:pong"
    server.receive('"' + "é" * 5000 + '"', 101.0)
    refused(server, Code.REJECTED, "the message has 10002 bytes, at most 10000 are read")


def test_pings_and_pongs(server: ServerSession) -> None:
    assert server.receive('{"event":"pusher:ping","data":{}}', 101.0) == []
    assert server.data_to_send() == ['{"event":"pusher:pong","data":"{}"}']
    assert server.receive('{"event":"pusher:pong","data":{}}', 101.0) == []
    assert server.data_to_send() == []


def test_the_wait_for_a_sign_of_life_begins_with_the_greeting(server: ServerSession) -> None:
    assert server.next_deadline() == 130.0


def test_a_subscription_is_not_confirmed_to_a_client_that_is_being_closed(server: ServerSession) -> None:
    server.receive(asking(), 101.0)
    server.handle_timer(131.0)
    server.handle_timer(161.0)
    server.data_to_send()

    assert not server.accept(A)
    assert server.data_to_send() == []


def test_a_client_that_answers_no_ping_is_closed(subscribed: ServerSession) -> None:
    assert subscribed.next_deadline() == 131.0
    assert subscribed.handle_timer(130.9) == []
    assert subscribed.data_to_send() == []
    assert subscribed.handle_timer(131.0) == []
    assert subscribed.data_to_send() == ['{"event":"pusher:ping","data":"{}"}']
    assert subscribed.next_deadline() == 161.0
    assert subscribed.handle_timer(161.0) == [CloseSocket(4201, "Pong reply not received")]
    assert subscribed.next_deadline() is None
    assert not subscribed.publish(A, "e", {})
    assert not subscribed.refuse(A, "no")
    assert subscribed.closed(1006, "", 162.0) == [
        Unsubscribed(A),
        Disconnected(4201, "Pong reply not received", Advice.RECONNECT_NOW, 62.0),
    ]


def test_the_end_leaves_every_channel_and_is_told_once(server: ServerSession) -> None:
    server.receive(asking("presence-a", '{"user_id":"7"}'), 101.0)
    server.accept("presence-a")
    server.receive(asking(), 101.0)

    assert server.closed(1001, "bye", 110.0) == [
        Unsubscribed("presence-a", Member("7")),
        Unsubscribed(A),
        Disconnected(1001, "bye", Advice.BACK_OFF, 10.0),
    ]
    assert server.closed(1001, "bye", 110.0) == []
    assert server.channels == []
    assert not server.accept(A)
