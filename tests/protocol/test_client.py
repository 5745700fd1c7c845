"""The client's session alone, against the frames that real servers send; `test_session` has the conversations."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from maestro_ray.errors import BadFrame, IllegalEvent
from maestro_ray.protocol.client import ClientLimits, ClientSession
from maestro_ray.protocol.events import (
    CloseSocket,
    Connected,
    Disconnected,
    ErrorReceived,
    EventReceived,
    FrameRejected,
    GapSeen,
    Notified,
    Subscribed,
    SubscriptionRefused,
)
from maestro_ray.protocol.pusher import Advice
from maestro_ray.protocol.states import ConnectionState, SubscriptionState

HELLO = (
    '{"event":"pusher:connection_established","data":"{\\"socket_id\\":\\"1.2\\",\\"activity_timeout\\":20}"}'
)
A, B = "private-a", "private-b"


def reverb_error(code: int, message: str) -> str:
    """As Laravel Reverb writes it: the data a string, never a channel."""
    return json.dumps({"event": "pusher:error", "data": json.dumps({"code": code, "message": message})})


def succeeded(channel: str, data: Any = "{}") -> str:
    return json.dumps({"event": "pusher_internal:subscription_succeeded", "channel": channel, "data": data})


def numbered(n: Any, channel: str = A) -> str:
    body = {"jsonrpc": "2.0", "method": "task.updated", "params": {"id": f"e{n}", "n": n}}
    return json.dumps({"event": "task.updated", "channel": channel, "data": json.dumps(body)})


def notified(n: Any, channel: str = A) -> Notified:
    return Notified(channel, "task.updated", {"id": f"e{n}", "n": n})


@pytest.fixture
def fresh() -> ClientSession:
    return ClientSession(now=100.0)


@pytest.fixture
def client(fresh: ClientSession) -> ClientSession:
    fresh.receive(HELLO, 101.0)
    return fresh


@pytest.fixture
def subscribed(client: ClientSession) -> ClientSession:
    client.subscribe(A, "k:s", now=101.0)
    client.receive(succeeded(A), 101.0)
    client.data_to_send()
    return client


def test_the_hello_establishes(fresh: ClientSession) -> None:
    assert (fresh.state, fresh.socket_id) == (ConnectionState.CONNECTING, "")

    assert fresh.receive(HELLO, 101.0) == [Connected("1.2", 20.0)]

    assert (fresh.state, fresh.socket_id) == (ConnectionState.ESTABLISHED, "1.2")
    assert fresh.data_to_send() == []


@pytest.mark.parametrize(
    ("told", "silence"),
    [
        (10, 10.0),
        (12.5, 12.5),
        (120, 30.0),
        (0, 30.0),
        (-5, 30.0),
        (0.001, 1.0),
        (None, 30.0),
        ("9", 30.0),
        (True, 30.0),
    ],
)
def test_the_shorter_activity_timeout_counts_and_none_makes_a_busy_loop(
    fresh: ClientSession, told: Any, silence: float
) -> None:
    hello = {"event": "pusher:connection_established", "data": {"socket_id": "1.2", "activity_timeout": told}}

    assert fresh.receive(json.dumps(hello), 101.0) == [Connected("1.2", silence)]
    assert fresh.next_deadline() == 101.0 + silence


@pytest.mark.parametrize("data", ["{}", "{", None, '{"socket_id":""}', '{"socket_id":5}', "[]"])
def test_a_hello_without_socket_id_does_not_establish(fresh: ClientSession, data: Any) -> None:
    hello = json.dumps({"event": "pusher:connection_established", "data": data})

    assert isinstance(fresh.receive(hello, 101.0)[0], FrameRejected)
    assert fresh.state is ConnectionState.CONNECTING


def test_a_second_hello_changes_nothing(client: ClientSession) -> None:
    second = HELLO.replace("1.2", "9.9")

    assert client.receive(second, 102.0) == [FrameRejected("a second pusher:connection_established")]
    assert client.socket_id == "1.2"


def test_a_server_that_never_says_hello_is_given_up(fresh: ClientSession) -> None:
    fresh.receive('{"event":"pusher:pong"}', 109.0)

    assert fresh.next_deadline() == 110.0
    assert fresh.handle_timer(109.9) == []
    reason = "no pusher:connection_established within 10 s"
    assert fresh.handle_timer(110.0) == [CloseSocket(1000, reason)]
    assert fresh.next_deadline() is None
    assert fresh.handle_timer(999.0) == []
    assert fresh.closed(1000, "", 111.0) == [Disconnected(None, reason, Advice.BACK_OFF, 0.0)]


@pytest.mark.parametrize(
    ("code", "message", "advice"),
    [
        (4001, "Application does not exist", Advice.DO_NOT_RECONNECT),
        (4009, "Origin not allowed", Advice.DO_NOT_RECONNECT),
        (4004, "Application is over connection quota", Advice.DO_NOT_RECONNECT),
        (4100, "Over capacity", Advice.BACK_OFF),
        (4200, "Generic reconnect", Advice.RECONNECT_NOW),
    ],
)
@pytest.mark.parametrize("close_code", [None, 1000, 1005, 1006])
def test_a_refusal_before_the_hello_ends_it_at_once_and_its_code_decides(
    fresh: ClientSession, code: int, message: str, advice: Advice, close_code: int | None
) -> None:
    events = fresh.receive(reverb_error(code, message), 101.0)

    assert events == [ErrorReceived(code, message), CloseSocket(1000, message)]
    assert fresh.state is ConnectionState.CLOSED
    assert fresh.receive(HELLO, 102.0) == []
    assert fresh.closed(close_code, "", 103.0) == [Disconnected(code, message, advice, 0.0)]


@pytest.mark.parametrize(
    "data", [{"code": 4301, "message": "slow down"}, {"code": None, "message": "slow down"}]
)
def test_any_other_error_before_the_hello_leaves_it_to_the_deadline(
    fresh: ClientSession, data: dict[str, Any]
) -> None:
    error = json.dumps({"event": "pusher:error", "data": data})

    assert fresh.receive(error, 101.0) == [ErrorReceived(data["code"], "slow down")]
    assert fresh.state is ConnectionState.CONNECTING
    assert fresh.next_deadline() == 110.0


def test_a_bare_close_means_back_off(client: ClientSession) -> None:
    assert client.closed(1006, "", 131.0) == [Disconnected(1006, "", Advice.BACK_OFF, 30.0)]
    assert client.closed(1006, "", 131.0) == []
    assert client.state is ConnectionState.CLOSED


def test_a_close_code_is_followed(client: ClientSession) -> None:
    assert client.closed(4201, "pong", 131.0) == [Disconnected(4201, "pong", Advice.RECONNECT_NOW, 30.0)]


def test_nobody_stays_on_a_closed_connection(client: ClientSession) -> None:
    assert client.closed(4301, "", 131.0) == [Disconnected(4301, "", Advice.BACK_OFF, 30.0)]


def test_subscribing_sends_the_signature(client: ClientSession) -> None:
    client.subscribe(A, "key:sig", '{"user_id":"1"}', now=101.0)

    data = {"channel": A, "auth": "key:sig", "channel_data": '{"user_id":"1"}'}
    assert [json.loads(text) for text in client.data_to_send()] == [
        {"event": "pusher:subscribe", "data": data}
    ]
    assert client.data_to_send() == []
    assert client.subscription(A) is SubscriptionState.PENDING
    assert client.receive(succeeded(A, '{"n":4}'), 102.0) == [Subscribed(A, {"n": 4})]
    assert client.subscription(A) is SubscriptionState.SUBSCRIBED
    assert client.subscription(B) is SubscriptionState.ABSENT


@pytest.mark.parametrize(
    "action",
    [
        lambda session: session.subscribe(A, now=101.0),
        lambda session: session.unsubscribe(A),
        lambda session: session.send_event(A, "client-x", {}),
    ],
)
def test_an_action_before_the_hello_or_after_the_end_is_illegal(
    fresh: ClientSession, action: Callable[[ClientSession], None]
) -> None:
    with pytest.raises(IllegalEvent, match="in state connecting"):
        action(fresh)
    fresh.closed(None, "", 101.0)
    with pytest.raises(IllegalEvent, match="in state closed"):
        action(fresh)
    assert fresh.data_to_send() == []


def test_a_channel_is_asked_for_once(client: ClientSession) -> None:
    client.subscribe(A, now=101.0)
    client.data_to_send()

    with pytest.raises(IllegalEvent, match="ask is not possible in state pending"):
        client.subscribe(A, now=101.0)
    client.receive(succeeded(A), 102.0)
    with pytest.raises(IllegalEvent, match="ask is not possible in state subscribed"):
        client.subscribe(A, now=102.0)
    assert client.data_to_send() == []


def test_leaving_a_channel_silences_it(subscribed: ClientSession) -> None:
    subscribed.unsubscribe(A)

    assert json.loads(subscribed.data_to_send()[0]) == {"event": "pusher:unsubscribe", "data": {"channel": A}}
    assert subscribed.receive(numbered(1), 102.0) == []
    assert subscribed.receive(succeeded(A), 102.0) == []
    assert subscribed.subscription(A) is SubscriptionState.ABSENT
    with pytest.raises(IllegalEvent, match="leave is not possible in state absent"):
        subscribed.unsubscribe(A)


def test_reverbs_nameless_refusals_go_to_the_pending_requests_in_order(client: ClientSession) -> None:
    for channel in (A, B, "private-c"):
        client.subscribe(channel, now=101.0)
    refusal = reverb_error(4009, "Connection is unauthorized")

    assert client.receive(refusal, 102.0) == [SubscriptionRefused(A, 4009, "Connection is unauthorized")]
    assert client.receive(succeeded(B), 102.0) == [Subscribed(B, {})]
    assert client.receive(refusal, 102.0) == [
        SubscriptionRefused("private-c", 4009, "Connection is unauthorized")
    ]
    assert client.receive(refusal, 102.0) == [ErrorReceived(4009, "Connection is unauthorized")]
    assert client.subscription(A) is SubscriptionState.FAILED


def test_asking_again_puts_a_channel_last(client: ClientSession) -> None:
    client.subscribe(A, now=101.0)
    client.receive(reverb_error(4009, "no"), 102.0)
    client.subscribe(B, now=102.0)
    client.subscribe(A, now=102.0)

    assert client.receive(reverb_error(4009, "no"), 103.0) == [SubscriptionRefused(B, 4009, "no")]


def test_a_yes_after_a_nameless_refusal_is_believed(client: ClientSession) -> None:
    client.subscribe(A, now=101.0)
    client.receive(reverb_error(4009, "The client is not a member of the specified channel."), 102.0)

    assert client.receive(succeeded(A), 102.0) == [Subscribed(A, {})]
    assert client.receive(numbered(1), 102.0) == [notified(1)]


def test_an_error_that_names_a_pending_channel_refuses_it_whatever_its_code(client: ClientSession) -> None:
    client.subscribe(A, now=101.0)
    client.subscribe(B, now=101.0)
    error = json.dumps({"event": "pusher:error", "channel": B, "data": {"code": 4004, "message": "too many"}})

    assert client.receive(error, 102.0) == [SubscriptionRefused(B, 4004, "too many")]
    assert client.subscription(A) is SubscriptionState.PENDING
    assert client.receive(error, 102.0) == [ErrorReceived(4004, "too many", B)]


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        ('{"type":"AuthError","error":"no","status":401}', SubscriptionRefused(A, 401, "no")),
        ({"error": 5, "status": "x"}, SubscriptionRefused(A, None, "")),
    ],
)
def test_a_subscription_error_ends_a_subscription_even_a_running_one(
    subscribed: ClientSession, data: Any, refused: SubscriptionRefused
) -> None:
    error = json.dumps({"event": "pusher:subscription_error", "channel": A, "data": data})

    assert subscribed.receive(error, 102.0) == [refused]
    assert subscribed.receive(error, 102.0) == []
    assert subscribed.receive(error.replace(A, B), 102.0) == []
    assert subscribed.receive(numbered(1), 102.0) == []


def test_an_error_on_an_established_connection_leaves_it_usable(subscribed: ClientSession) -> None:
    malformed = reverb_error(4200, "Invalid message format")

    assert subscribed.receive(malformed, 102.0) == [ErrorReceived(4200, "Invalid message format")]
    assert subscribed.receive('{"event":"pusher:error","data":"?"}', 102.0) == [ErrorReceived(None, "")]
    assert subscribed.receive(numbered(1), 102.0) == [notified(1)]
    assert subscribed.closed(1006, "", 103.0) == [Disconnected(1006, "", Advice.BACK_OFF, 2.0)]


def test_a_subscription_nobody_answers_is_refused(client: ClientSession) -> None:
    client.subscribe(A, now=101.0)
    client.subscribe(B, now=105.0)

    assert client.next_deadline() == 111.0
    assert client.handle_timer(110.9) == []
    assert client.handle_timer(111.0) == [SubscriptionRefused(A, None, "no answer within 10 s")]
    assert client.subscription(B) is SubscriptionState.PENDING
    assert client.next_deadline() == 115.0


def test_numbers_are_counted_from_the_subscription_on(client: ClientSession) -> None:
    client.subscribe(A, now=101.0)
    client.receive(succeeded(A, {"n": 7}), 101.0)

    assert client.receive(numbered(8), 102.0) == [notified(8)]
    assert client.receive(numbered(8), 102.0) == []
    assert client.receive(numbered(11), 102.0) == [GapSeen(A, 9, 11), notified(11)]
    assert client.receive(numbered(10), 102.0) == []
    assert client.receive(numbered(12), 102.0) == [notified(12)]


def test_each_channel_and_each_subscription_has_its_own_numbers(subscribed: ClientSession) -> None:
    subscribed.subscribe(B, now=101.0)
    subscribed.receive(succeeded(B), 101.0)

    assert subscribed.receive(numbered(5), 102.0) == [notified(5)]
    assert subscribed.receive(numbered(2, B), 102.0) == [notified(2, B)]
    subscribed.unsubscribe(A)
    subscribed.subscribe(A, now=102.0)
    subscribed.receive(succeeded(A), 102.0)
    assert subscribed.receive(numbered(1), 103.0) == [notified(1)]


def test_a_channel_that_has_never_had_an_event_starts_at_one(client: ClientSession) -> None:
    client.subscribe(A, now=101.0)
    client.receive(succeeded(A, '{"n":0}'), 101.0)

    assert client.receive(numbered(2), 102.0) == [GapSeen(A, 1, 2), notified(2)]


@pytest.mark.parametrize("last", ['{"n":-1}', '{"n":"3"}', '{"n":true}', "{}", "?"])
def test_a_start_that_is_no_number_is_no_start(client: ClientSession, last: str) -> None:
    client.subscribe(A, now=101.0)
    client.receive(succeeded(A, last), 101.0)

    assert client.receive(numbered(9), 102.0) == [notified(9)]


@pytest.mark.parametrize("n", [None, "3", 1.5, True])
def test_an_event_without_number_is_passed_on(subscribed: ClientSession, n: Any) -> None:
    assert subscribed.receive(numbered(n), 102.0) == [notified(n)]
    assert subscribed.receive(numbered(n), 102.0) == [notified(n)]


def test_params_as_a_list_are_passed_on(subscribed: ClientSession) -> None:
    data = {"jsonrpc": "2.0", "method": "e", "params": [1]}
    event = json.dumps({"event": "e", "channel": A, "data": data})

    assert subscribed.receive(event, 102.0) == [Notified(A, "e", [1])]


def test_a_notification_under_another_name_has_no_effect(subscribed: ClientSession) -> None:
    forged = numbered(10**9).replace('"event": "task.updated"', '"event": "run.chunk"')

    assert subscribed.receive(forged, 102.0) == [FrameRejected("run.chunk carries task.updated", None, A)]
    assert subscribed.receive(numbered(1), 102.0) == [notified(1)]


def test_another_client_cannot_speak_for_the_server_nor_spoil_the_numbers(subscribed: ClientSession) -> None:
    forged = numbered(10**9).replace("task.updated", "client-task.updated")

    events = subscribed.receive(forged, 102.0)

    assert [type(event) for event in events] == [EventReceived]
    assert subscribed.receive(numbered(1), 102.0) == [notified(1)]


def test_other_events_are_passed_on_with_their_data_read(subscribed: ClientSession) -> None:
    event = json.dumps({"event": "client-hi", "channel": A, "data": '{"a":1}', "user_id": "7"})
    added = json.dumps({"event": "pusher_internal:member_added", "channel": A, "data": '{"user_id":"8"}'})

    assert subscribed.receive(event, 102.0) == [EventReceived(A, "client-hi", {"a": 1}, "7")]
    assert subscribed.receive(added, 102.0) == [
        EventReceived(A, "pusher_internal:member_added", {"user_id": "8"})
    ]


@pytest.mark.parametrize(
    "text",
    [
        numbered(1, B),
        '{"event":"task.updated","data":"{}"}',
        '{"event":"pusher:cache_miss"}',
        '{"event":"pusher:pong","data":"{}"}',
        '{"event":"pusher_internal:subscription_succeeded","data":"{}"}',
        '{"event":"pusher:subscription_error","data":"{}"}',
    ],
)
def test_what_belongs_to_no_subscription_is_ignored(subscribed: ClientSession, text: str) -> None:
    assert subscribed.receive(text, 102.0) == []


def test_nothing_is_reported_of_a_channel_before_it_is_confirmed(client: ClientSession) -> None:
    client.subscribe(A, now=101.0)

    assert client.receive(numbered(1), 102.0) == []


@pytest.mark.parametrize(
    "text", ["", "{", b"\xff", "[]", '{"event":1}', "[" * 10_000, '{"event":"e","event":"e"}']
)
def test_a_frame_that_cannot_be_read_is_reported_and_the_next_one_is_read(
    subscribed: ClientSession, text: str | bytes
) -> None:
    assert isinstance(subscribed.receive(text, 102.0)[0], FrameRejected)
    assert subscribed.receive(numbered(1), 102.0) == [notified(1)]


def test_a_frame_that_is_too_large_is_reported() -> None:
    client = ClientSession(100.0, ClientLimits(received_bytes=100))

    assert client.receive("x" * 101, 101.0) == [
        FrameRejected("the frame has 101 bytes, at most 100 are read")
    ]


def test_a_ping_is_answered(client: ClientSession) -> None:
    assert client.receive('{"event":"pusher:ping","data":"{}"}', 102.0) == []
    assert client.data_to_send() == ['{"event":"pusher:pong","data":{}}']


def test_silence_is_answered_with_a_ping_and_more_of_it_with_a_close(client: ClientSession) -> None:
    assert client.next_deadline() == 121.0
    assert client.handle_timer(121.0) == []
    assert client.data_to_send() == ['{"event":"pusher:ping","data":{}}']
    assert client.next_deadline() == 151.0
    assert client.handle_timer(151.0) == [CloseSocket(1000, "the server did not answer a ping")]
    over = Disconnected(4201, "the server did not answer a ping", Advice.RECONNECT_NOW, 52.0)
    assert client.closed(1006, "", 153.0) == [over]


@pytest.mark.parametrize("text", ['{"event":"pusher:pong"}', "garbage", numbered(1)])
def test_anything_received_is_a_sign_of_life(client: ClientSession, text: str) -> None:
    client.handle_timer(121.0)

    client.receive(text, 150.0)

    assert client.next_deadline() == 170.0
    assert client.handle_timer(151.0) == []


def test_client_events_go_out_on_a_subscribed_private_channel(subscribed: ClientSession) -> None:
    subscribed.send_event(A, "client-hi", {"a": 1})

    assert subscribed.data_to_send() == ['{"event":"client-hi","channel":"private-a","data":{"a":1}}']


def test_what_the_server_would_refuse_is_not_sent(subscribed: ClientSession) -> None:
    subscribed.subscribe(B, now=101.0)
    subscribed.subscribe("public", now=101.0)
    subscribed.receive(succeeded("public"), 101.0)
    subscribed.data_to_send()

    for channel, event in ((A, "hi"), (B, "client-hi"), ("public", "client-hi"), ("private-x", "client-hi")):
        with pytest.raises(IllegalEvent, match=f"{event} on {channel} is not possible"):
            subscribed.send_event(channel, event, {})
    assert subscribed.data_to_send() == []


def test_a_client_event_has_the_size_a_server_takes(subscribed: ClientSession) -> None:
    around = len('{"event":"client-hi","channel":"private-a","data":""}')

    subscribed.send_event(A, "client-hi", "x" * (10_000 - around))
    assert len(subscribed.data_to_send()[0]) == 10_000
    with pytest.raises(BadFrame, match="has 10001 bytes, at most 10000 can be sent"):
        subscribed.send_event(A, "client-hi", "x" * (10_001 - around))
    with pytest.raises(BadFrame, match="at most 10000 can be sent"):
        subscribed.send_event(A, "client-hi", "é" * 5000)
    assert subscribed.data_to_send() == []


def test_a_subscription_the_server_would_hang_up_on_is_not_asked_for(client: ClientSession) -> None:
    with pytest.raises(BadFrame, match="at most 10000 can be sent"):
        client.subscribe("private-x", "k:" + "0" * 10_000, now=100.0)
    assert client.subscription("private-x") is SubscriptionState.ABSENT
    assert client.data_to_send() == []
    client.subscribe("private-x", "k:0", now=100.0)
