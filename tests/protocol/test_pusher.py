from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import BadFrame
from maestro_ray.protocol import pusher
from maestro_ray.protocol.jsonrpc import Notification, Request, encode
from maestro_ray.protocol.pusher import Advice, Code, Frame, advise, advise_closed, decode_frame, encode_frame
from protocol.test_strictjson import json_values


def on_the_wire(frame: Frame) -> Any:
    return json.loads(encode_frame(frame))


def test_each_frame_of_a_server_has_a_string_as_data_but_the_error() -> None:
    established = on_the_wire(pusher.established("1.2", 30))
    succeeded = on_the_wire(pusher.succeeded("private-a", {"n": 4}))
    event = on_the_wire(pusher.channel_event("private-a", "e", {"x": 1}))

    assert established == {
        "event": "pusher:connection_established",
        "data": '{"socket_id":"1.2","activity_timeout":30}',
    }
    assert succeeded == {
        "event": "pusher_internal:subscription_succeeded",
        "channel": "private-a",
        "data": '{"n":4}',
    }
    assert on_the_wire(pusher.succeeded("a"))["data"] == "{}"
    assert event == {"event": "e", "channel": "private-a", "data": '{"x":1}'}
    assert on_the_wire(pusher.channel_event("a", "e", "as it is"))["data"] == "as it is"
    assert on_the_wire(pusher.error(4009, "no")) == {
        "event": "pusher:error",
        "data": {"code": 4009, "message": "no"},
    }
    assert on_the_wire(pusher.error(None, "no", "a"))["channel"] == "a"


def test_each_frame_of_a_client_has_an_object_as_data() -> None:
    assert on_the_wire(pusher.subscribe("a")) == {"event": "pusher:subscribe", "data": {"channel": "a"}}
    assert on_the_wire(pusher.subscribe("presence-a", "k:s", '{"user_id":"1"}'))["data"] == {
        "channel": "presence-a",
        "auth": "k:s",
        "channel_data": '{"user_id":"1"}',
    }
    assert on_the_wire(pusher.unsubscribe("a")) == {"event": "pusher:unsubscribe", "data": {"channel": "a"}}


def test_a_refusal_names_the_channel_for_those_who_listen_on_it() -> None:
    refused = on_the_wire(pusher.subscription_error("private-a", Code.UNAUTHORIZED, "no"))

    assert (refused["event"], refused["channel"]) == ("pusher:subscription_error", "private-a")
    assert json.loads(refused["data"]) == {"type": "AuthError", "error": "no", "status": 401}
    assert pusher.subscription_error("a", Code.OVER_QUOTA, "no").fields["status"] == 4004


def test_presence_data_is_what_pusher_js_reads() -> None:
    assert pusher.presence({"7": {"name": "Ada"}, "8": None}) == {
        "presence": {"count": 2, "ids": ["7", "8"], "hash": {"7": {"name": "Ada"}, "8": None}}
    }


@pytest.mark.parametrize("data", ['{"a":1}', {"a": 1}])
def test_data_is_read_as_string_and_as_object(data: Any) -> None:
    frame = decode_frame(json.dumps({"event": "e", "data": data}))

    assert frame.data == data
    assert frame.fields == {"a": 1}
    assert frame.value == {"a": 1}


@pytest.mark.parametrize("data", [None, "", "plain", "[1]", [1], 5, True, '{"a":1,"a":2}', "[" * 5000])
def test_data_that_is_no_object_has_no_fields(data: Any) -> None:
    assert Frame("e", data).fields == {}


def test_a_plain_string_stays_what_it_is() -> None:
    assert Frame("e", "plain").value == "plain"
    assert Frame("e", "[1]").value == [1]


@given(
    st.builds(
        Frame,
        st.text(min_size=1),
        json_values,
        st.none() | st.text(),
        st.none() | st.text(min_size=1),
    )
)
def test_every_frame_survives_the_wire(frame: Frame) -> None:
    assert decode_frame(encode_frame(frame)) == frame
    assert decode_frame(encode_frame(frame).encode()) == frame


def test_a_user_id_may_be_a_number() -> None:
    assert decode_frame('{"event":"e","user_id":10}').user_id == "10"
    assert decode_frame('{"event":"e","user_id":"x"}').user_id == "x"
    assert decode_frame('{"event":"e","user_id":{}}').user_id is None
    assert pusher.text_id(True) is None
    assert pusher.text_id("") is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not JSON"),
        (b"\xff", "not UTF-8"),
        ("[]", "a JSON object"),
        ("1", "a JSON object"),
        ("{}", "names its event"),
        ('{"event":""}', "names its event"),
        ('{"event":5}', "names its event"),
        ('{"event":"e","channel":5}', "channel of a frame is a string"),
        ('{"event":"e","event":"f"}', "a key is repeated"),
        ('{"event":"e","data":' + "[" * 100 + "]" * 100 + "}", "nested deeper"),
        ('{"event":"e","data":"' + "x" * pusher.LONGEST_FRAME + '"}', "at most 1048576 are read"),
    ],
)
def test_a_bad_frame_says_why(text: str | bytes, reason: str) -> None:
    with pytest.raises(BadFrame, match=reason):
        decode_frame(text)


def test_the_limit_counts_bytes() -> None:
    text = '{"event":"é"}'

    assert decode_frame(text, limit=14).event == "é"
    with pytest.raises(BadFrame, match="14 bytes, at most 13"):
        decode_frame(text, limit=13)


@given(st.binary(max_size=100) | st.text(max_size=100))
def test_garbage_raises_nothing_but_bad_frame(text: str | bytes) -> None:
    try:
        frame = decode_frame(text)
    except BadFrame:
        return
    assert frame.fields is not None


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        (Code.TLS_ONLY, Advice.DO_NOT_RECONNECT),
        (Code.UNKNOWN_KEY, Advice.DO_NOT_RECONNECT),
        (Code.DISABLED, Advice.DO_NOT_RECONNECT),
        (Code.OVER_QUOTA, Advice.DO_NOT_RECONNECT),
        (Code.PATH_NOT_FOUND, Advice.DO_NOT_RECONNECT),
        (Code.BAD_VERSION, Advice.DO_NOT_RECONNECT),
        (Code.UNSUPPORTED_PROTOCOL, Advice.DO_NOT_RECONNECT),
        (Code.NO_PROTOCOL, Advice.DO_NOT_RECONNECT),
        (Code.UNAUTHORIZED, Advice.DO_NOT_RECONNECT),
        (4099, Advice.DO_NOT_RECONNECT),
        (Code.OVER_CAPACITY, Advice.BACK_OFF),
        (4199, Advice.BACK_OFF),
        (Code.RECONNECT, Advice.RECONNECT_NOW),
        (Code.PONG_MISSING, Advice.RECONNECT_NOW),
        (Code.INACTIVE, Advice.RECONNECT_NOW),
        (4299, Advice.RECONNECT_NOW),
        (Code.REJECTED, Advice.STAY),
        (Code.WATCHLIST_LIMIT, Advice.STAY),
        (4399, Advice.STAY),
        (None, Advice.BACK_OFF),
        (1000, Advice.BACK_OFF),
        (1006, Advice.BACK_OFF),
        (1012, Advice.BACK_OFF),
        (3999, Advice.BACK_OFF),
        (4400, Advice.BACK_OFF),
        (-1, Advice.BACK_OFF),
    ],
)
def test_every_code_has_its_advice(code: int | None, advice: Advice) -> None:
    assert advise(code) is advice
    assert advise_closed(code) is (Advice.BACK_OFF if advice is Advice.STAY else advice)


def test_the_numbers_are_those_of_the_protocol() -> None:
    published = [4000, 4001, 4003, 4004, 4005, 4006, 4007, 4008, 4009, 4100, 4200, 4201, 4202, 4301, 4302]

    assert [int(code) for code in Code] == published


def test_no_code_is_left_without_a_row_above() -> None:
    (rows,) = (mark.args[1] for mark in test_every_code_has_its_advice.pytestmark)  # type: ignore[attr-defined]

    assert set(Code) <= {code for code, _ in rows}


def test_our_notification_is_an_event_named_like_its_method() -> None:
    frame = pusher.notification("private-a", "task.updated", {"n": 3})

    assert frame.event == "task.updated"
    assert frame.data == '{"jsonrpc":"2.0","method":"task.updated","params":{"n":3}}'
    assert pusher.notification_in(decode_frame(encode_frame(frame))) == Notification("task.updated", {"n": 3})
    assert pusher.notification_in(Frame("e", {"jsonrpc": "2.0", "method": "e"})) == Notification("e")


@pytest.mark.parametrize(
    "frame",
    [
        Frame("e", "plain"),
        Frame("e", None),
        Frame("e", {"jsonrpc": "2.0"}),
        Frame("e", encode(Request(1, "e"))),
        Frame("client-e", encode(Notification("client-e", {"n": 10**9}))),
        Frame("pusher:e", encode(Notification("pusher:e"))),
        Frame("pusher_internal:e", encode(Notification("pusher_internal:e"))),
    ],
)
def test_anything_else_is_no_notification(frame: Frame) -> None:
    assert pusher.notification_in(frame) is None
