from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray import errors
from maestro_ray.protocol import jsonrpc
from maestro_ray.protocol.jsonrpc import (
    ErrorCode,
    Failure,
    Malformed,
    Message,
    Notification,
    Request,
    Result,
    decode,
    encode,
    error_from,
    read,
    to_error,
)
from protocol.test_strictjson import json_values

ids = st.integers() | st.text()
params = st.dictionaries(st.text(), json_values, max_size=3) | st.lists(json_values, max_size=3)
methods = st.text(min_size=1)
messages = (
    st.builds(Request, ids, methods, params)
    | st.builds(Notification, methods, params)
    | st.builds(Result, ids, json_values)
    | st.builds(Failure, ids | st.none(), st.integers(), st.text(), json_values)
)


@given(messages)
def test_every_message_survives_the_wire(message: Message) -> None:
    text = encode(message)

    assert "\n" not in text
    assert decode(text) == message
    assert decode(text.encode()) == message


@given(st.lists(messages, min_size=1, max_size=4))
def test_a_batch_survives_the_wire(batch: list[Message]) -> None:
    assert decode(encode(batch)) == batch


def test_the_text_is_compact_and_leaves_out_what_is_empty() -> None:
    assert encode(Request(1, "status")) == '{"jsonrpc":"2.0","method":"status","id":1}'
    assert encode(Notification("é", [1])) == '{"jsonrpc":"2.0","method":"é","params":[1]}'
    assert encode(Result("a", None)) == '{"jsonrpc":"2.0","result":null,"id":"a"}'
    assert (
        encode(Failure(None, -32700, "no"))
        == '{"jsonrpc":"2.0","error":{"code":-32700,"message":"no"},"id":null}'
    )
    assert '"data":{"a":1}' in encode(Failure(1, -32000, "no", {"a": 1}))


def test_an_empty_batch_is_neither_sent_nor_taken() -> None:
    with pytest.raises(ValueError, match="empty batch"):
        encode([])
    assert malformed("[]").code is ErrorCode.INVALID_REQUEST


def malformed(text: str | bytes, **options: int) -> Malformed:
    found = decode(text, **options)
    assert isinstance(found, Malformed), found
    return found


@pytest.mark.parametrize(
    "text",
    [
        '{"jsonrpc":"2.0","method":"a"',
        b'{"method":"\xff"}',
        '{"a":1,"a":1}',
        "[NaN]",
        "1e999",
        "[" * 100_000,
        "",
    ],
)
def test_what_is_not_strict_json_is_a_parse_error(text: str | bytes) -> None:
    assert malformed(text).answer == Failure(None, -32700, malformed(text).reason)


def test_too_much_is_not_even_parsed() -> None:
    found = malformed('"é' + "x" * 100 + '"', limit=50)

    assert found.code is ErrorCode.TOO_LARGE
    assert found.reason == "the message has 104 bytes, at most 50 are read"
    assert decode('{"jsonrpc":"2.0","method":"a"}', limit=30) == Notification("a")


@pytest.mark.parametrize(
    ("text", "reason", "answered"),
    [
        ("1", "a JSON object", None),
        ('"x"', "a JSON object", None),
        ("{}", '"jsonrpc" must be "2.0"', None),
        ('{"method":"a","id":7}', '"jsonrpc" must be "2.0"', 7),
        ('{"jsonrpc":"1.0","method":"a","id":7}', '"jsonrpc" must be "2.0"', 7),
        ('{"jsonrpc":2.0,"method":"a","id":"x"}', '"jsonrpc" must be "2.0"', "x"),
        ('{"jsonrpc":"2.0","method":1,"id":7}', "method must be a string", 7),
        ('{"jsonrpc":"2.0","method":"","id":7}', "method must be a string", 7),
        ('{"jsonrpc":"2.0","method":null}', "method must be a string", None),
        ('{"jsonrpc":"2.0","method":"a","params":"x","id":7}', "params must be", 7),
        ('{"jsonrpc":"2.0","method":"a","params":null}', "params must be", None),
        ('{"jsonrpc":"2.0","method":"a","id":true}', "id must be", None),
        ('{"jsonrpc":"2.0","method":"a","id":1.5}', "id must be", None),
        ('{"jsonrpc":"2.0","method":"a","id":1.0}', "id must be", None),
        ('{"jsonrpc":"2.0","method":"a","id":null}', "id must be", None),
        ('{"jsonrpc":"2.0","method":"a","id":[1]}', "id must be", None),
        ('{"jsonrpc":"2.0","method":"a","result":1,"id":7}', "not both", 7),
        ('{"jsonrpc":"2.0","method":"a","error":{},"id":7}', "not both", 7),
        ('{"jsonrpc":"2.0","id":7}', "only one of them", None),
        ('{"jsonrpc":"2.0","result":1,"error":{},"id":7}', "only one of them", None),
        ('{"jsonrpc":"2.0","result":1}', "names its request", None),
        ('{"jsonrpc":"2.0","result":1,"id":null}', "names its request", None),
        ('{"jsonrpc":"2.0","result":1,"id":false}', "names its request", None),
        ('{"jsonrpc":"2.0","error":{"code":1,"message":"x"}}', "or null", None),
        ('{"jsonrpc":"2.0","error":{"code":1,"message":"x"},"id":1.5}', "or null", None),
        ('{"jsonrpc":"2.0","error":"x","id":7}', "integer code", None),
        ('{"jsonrpc":"2.0","error":{"code":"1","message":"x"},"id":7}', "integer code", None),
        ('{"jsonrpc":"2.0","error":{"code":true,"message":"x"},"id":7}', "integer code", None),
        ('{"jsonrpc":"2.0","error":{"code":1},"id":7}', "integer code", None),
    ],
)
def test_what_is_not_jsonrpc_is_an_invalid_request(text: str, reason: str, answered: Any) -> None:
    found = malformed(text)

    assert found.code is ErrorCode.INVALID_REQUEST
    assert reason in found.reason
    assert found.answer == Failure(answered, -32600, found.reason)


def test_a_bad_entry_of_a_batch_costs_only_itself() -> None:
    found = decode('[{"jsonrpc":"2.0","method":"a"},1,{"jsonrpc":"2.0","method":"b","id":1}]')

    assert isinstance(found, list)
    assert [type(each) for each in found] == [Notification, Malformed, Request]


def test_a_batch_has_a_size() -> None:
    entries = ["1"] * (jsonrpc.LARGEST_BATCH + 1)

    assert "1 to 1000 messages, not 1001" in malformed(f"[{','.join(entries)}]").reason
    assert len(decode(f"[{','.join(entries[1:])}]")) == jsonrpc.LARGEST_BATCH  # type: ignore[arg-type]


@given(st.binary(max_size=100) | st.text(max_size=100))
def test_no_bytes_make_it_raise(text: str | bytes) -> None:
    answers(decode(text))


@given(
    json_values
    | st.fixed_dictionaries(
        {"jsonrpc": st.just("2.0")},
        optional={
            "method": json_values,
            "params": json_values,
            "id": json_values,
            "result": json_values,
            "error": json_values,
        },
    )
)
def test_no_value_makes_it_raise_and_every_answer_is_a_message(value: Any) -> None:
    answers(read(value))


def answers(found: Any) -> None:
    for each in found if isinstance(found, list) else [found]:
        if isinstance(each, Malformed):
            assert decode(encode(each.answer)) == each.answer


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Unauthenticated("token expired"), ErrorCode.UNAUTHENTICATED),
        (errors.NotFound("team", "x", "see `maestro teams`"), ErrorCode.NOT_FOUND),
        (errors.Conflict("the plan is paused", "resume it"), ErrorCode.CONFLICT),
        (errors.StaleEpoch("r1", 1, 2), ErrorCode.STALE_EPOCH),
        (errors.StudioUnavailable("http://x", "refused"), ErrorCode.UNAVAILABLE),
        (errors.DaemonUnavailable("starting"), ErrorCode.UNAVAILABLE),
        (errors.UsageError("bad flag", "try -h"), ErrorCode.USER_ERROR),
        (errors.NotARepository("/x"), ErrorCode.USER_ERROR),
        (errors.AgentFailed("crash"), ErrorCode.AGENT_ERROR),
        (errors.StudioRefused(403, "forbidden", "no"), ErrorCode.PEER_ERROR),
        (errors.RayMissing("no module"), ErrorCode.FAULT),
    ],
)
def test_an_error_arrives_as_it_left(error: errors.MaestroError, code: ErrorCode) -> None:
    failure = error_from(error, 7)
    there = decode(encode(failure))
    assert isinstance(there, Failure)
    reported = to_error(there)

    assert (failure.id, failure.code) == (7, code)
    assert str(reported) == str(error)
    assert (reported.kind, reported.hint, reported.exit_code) == (error.kind, error.hint, error.exit_code)
    assert error_from(pickle.loads(pickle.dumps(reported)), 7) == failure


def test_a_stranger_among_the_exceptions_tells_the_peer_nothing() -> None:
    failure = error_from(RuntimeError("password=hunter2 in /home/user"), "a")

    assert failure.code == ErrorCode.INTERNAL_ERROR
    assert "hunter2" not in encode(failure)
    assert "/home" not in encode(failure)
    assert str(to_error(failure)) == "internal error"
    assert to_error(failure).kind == "internal_error"


def test_a_reported_kind_nobody_knows_is_passed_on() -> None:
    reported = errors.Reported("quota_used_up", "no more", "wait", 3)

    failure = error_from(reported, None)

    told = {"error_kind": "quota_used_up", "hint": "wait", "exit_code": 3}
    assert failure == Failure(None, int(ErrorCode.FAULT), "no more", told)


@pytest.mark.parametrize("exit_code", [0, -1, 256, True, 2.0, "2", None])
@pytest.mark.parametrize(
    "data", [None, [], "x", {}, {"error_kind": "", "hint": 1}, {"error_kind": 5, "hint": None}]
)
def test_a_failure_with_odd_data_is_still_an_error(data: Any, exit_code: Any) -> None:
    if isinstance(data, dict):
        data = {**data, "exit_code": exit_code}

    error = to_error(Failure(1, -32001, "gone", data))

    assert (error.kind, str(error), error.hint, error.exit_code) == ("not_found", "gone", "", 1)


def test_an_unknown_code_is_just_an_error() -> None:
    assert to_error(Failure(1, 5, "gone")).kind == "error"


def test_an_error_that_is_told_holds_no_secret() -> None:
    """Without `redact` in `error_from` it goes to whoever asked, and from there into logs and bug reports."""
    error = errors.UsageError("cannot read https://me:s3cret@h/x", "try --token=abc123def456")
    told = encode(error_from(error, 1))
    assert "s3cret" not in told
    assert "abc123def456" not in told
    assert "https://***@h/x" in told
