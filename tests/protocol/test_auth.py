from __future__ import annotations

import pusher
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.errors import BadFrame
from maestro_ray.protocol import auth
from maestro_ray.protocol.auth import (
    is_presence,
    needs_auth,
    sign_channel,
    valid_channel,
    verify_channel,
)

# The credentials of the worked examples at pusher.com/docs/channels/library_auth_reference.
KEY, SECRET = "278d425bdf160c739803", "7ad3773142a6692b25b8"
MEMBER = '{"user_id":10,"user_info":{"name":"Mr. Channels"}}'


def test_the_published_private_channel_example() -> None:
    assert sign_channel(KEY, SECRET, "1234.1234", "private-foobar") == (
        "278d425bdf160c739803:58df8b0c36d6982b82c3ecf6b4662e34fe8c25bba48f5369f135bf843651c3a4"
    )


def test_the_published_presence_channel_example() -> None:
    assert sign_channel(KEY, SECRET, "1234.1234", "presence-foobar", MEMBER) == (
        "278d425bdf160c739803:31935e7d86dba64c2a90aed31fdc61869f9b22ba9d8863bba239c03ca481bc80"
    )


def test_the_older_presence_channel_example() -> None:
    assert sign_channel(
        KEY, SECRET, "1234.1234", "presence-foobar", MEMBER.replace("Channels", "Pusher")
    ) == ("278d425bdf160c739803:afaed3695da2ffd16931f457e338e6c9f2921fa133ce7dac49f529792be6304c")


def test_every_character_a_channel_may_have_as_the_java_library_signs_it() -> None:
    assert sign_channel(KEY, SECRET, "1234.1234", "private-azAZ9_=@,.;") == (
        "278d425bdf160c739803:208cbbce2a22fd7d7c3509046b17a97b99d345cf4c195bc0d54af9004a022b0b"
    )


@pytest.mark.parametrize(
    "socket_id",
    [
        "",
        "1",
        "1.",
        ".1",
        "1.1.1",
        "1.1\n",
        " 1.1",
        "1:1",
        "1.1:private-other",
        "a.b",
        "١.٢",
        "-1.1",
        "1" * 21 + ".1",
    ],
)
def test_what_is_not_a_socket_id_is_never_signed(socket_id: str) -> None:
    assert not auth.valid_socket_id(socket_id)
    with pytest.raises(BadFrame, match=r"digits\.digits"):
        sign_channel(KEY, SECRET, socket_id, "private-a")
    assert not verify_channel(KEY, SECRET, socket_id, "private-a", auth=f"{KEY}:" + "0" * 64)


@pytest.mark.parametrize(
    "channel",
    ["", "private-a:b", "private-a b", "private-ä", "private-a\n", "a/b", "#server-to-user-1", "a" * 201],
)
def test_what_is_not_a_channel_is_never_signed(channel: str) -> None:
    assert not valid_channel(channel)
    with pytest.raises(BadFrame, match="a channel's name"):
        sign_channel(KEY, SECRET, "1.1", channel)
    assert not verify_channel(KEY, SECRET, "1.1", channel, auth=f"{KEY}:" + "0" * 64)


def test_the_longest_names_are_allowed() -> None:
    assert valid_channel("a" * 200)
    assert auth.valid_socket_id("0.0")


def test_which_channels_must_be_signed() -> None:
    assert all(needs_auth(name) for name in ("private-a", "presence-a"))
    assert not any(needs_auth(name) for name in ("public", "aprivate-", ""))
    assert is_presence("presence-a")
    assert not is_presence("private-a")


def test_a_signature_is_good_for_exactly_one_thing() -> None:
    signed = sign_channel(KEY, SECRET, "1.1", "presence-a", MEMBER)

    def good(
        key: str = KEY,
        secret: str = SECRET,
        socket: str = "1.1",
        channel: str = "presence-a",
        told: str | None = signed,
        data: str | None = MEMBER,
    ) -> bool:
        return verify_channel(key, secret, socket, channel, auth=told, channel_data=data)

    assert good()
    assert not good(key="other")
    assert not good(secret="other")
    assert not good(socket="1.2")
    assert not good(channel="presence-b")
    assert not good(data=MEMBER + " ")
    assert not good(data=None)
    assert not good(told=None)
    assert not good(told="")
    assert not good(told=signed.upper())
    assert not good(told=signed[:-1])
    assert not good(told=signed.partition(":")[2])


def test_empty_channel_data_counts_as_none() -> None:
    signed = sign_channel(KEY, SECRET, "1.1", "private-a")

    assert verify_channel(KEY, SECRET, "1.1", "private-a", auth=signed, channel_data="")


@given(st.text(), st.text(), st.text(), st.none() | st.text())
def test_no_text_makes_verifying_raise_or_succeed(
    socket_id: str, channel: str, told: str, data: str | None
) -> None:
    assert not verify_channel(KEY, SECRET, socket_id, channel, auth=told, channel_data=data)
    assert not verify_channel(KEY, SECRET, "1.1", "private-a", auth=told, channel_data=data)


def test_lone_surrogates_fail_the_comparison_and_not_the_server() -> None:
    assert not verify_channel(KEY, SECRET, "1.1", "private-a", auth="\udc80", channel_data="\udc80")


def test_comparing_takes_the_constant_time_path(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []
    monkeypatch.setattr(auth.hmac, "compare_digest", lambda a, b: compared.append((a, b)) or a == b)

    assert verify_channel(KEY, SECRET, "1.1", "private-a", auth=sign_channel(KEY, SECRET, "1.1", "private-a"))
    assert len(compared) == 1


# ── Pusher's own library for servers in Python ───────────────────────────────────────────────────────────────────

numbers = st.integers(0, 10**9)
socket_ids = st.builds("{}.{}".format, numbers, numbers)
names = st.text("abcXYZ019_=@,.;-", min_size=1, max_size=40)
people = st.fixed_dictionaries(
    {"user_id": st.text(min_size=1, max_size=9)},
    optional={"user_info": st.dictionaries(st.text(max_size=9), st.text(max_size=9) | st.none(), max_size=3)},
)


@pytest.fixture(scope="module")
def theirs() -> pusher.Pusher:
    return pusher.Pusher("3", KEY, SECRET)


@given(socket_ids, names)
def test_the_python_library_signs_private_channels_as_we_do(
    theirs: pusher.Pusher, socket_id: str, name: str
) -> None:
    signed = theirs.authenticate(f"private-{name}", socket_id)

    assert signed == {"auth": sign_channel(KEY, SECRET, socket_id, f"private-{name}")}
    assert verify_channel(KEY, SECRET, socket_id, f"private-{name}", auth=signed["auth"])


@given(socket_ids, names, people)
def test_the_python_library_signs_presence_channels_as_we_do(
    theirs: pusher.Pusher, socket_id: str, name: str, member: dict[str, object]
) -> None:
    signed = theirs.authenticate(f"presence-{name}", socket_id, member)
    channel, data = f"presence-{name}", signed["channel_data"]

    assert signed["auth"] == sign_channel(KEY, SECRET, socket_id, channel, data)
    assert verify_channel(KEY, SECRET, socket_id, channel, auth=signed["auth"], channel_data=data)
    assert not verify_channel(KEY, SECRET, socket_id, channel, auth=signed["auth"], channel_data=data + " ")
