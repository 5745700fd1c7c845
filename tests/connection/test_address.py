from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.connection.address import loopback, read_address, read_invite, refuse_plain, write_invite
from maestro_ray.errors import UsageError

TOKEN = "a" * 43


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://studio.example.com", "https://studio.example.com"),
        (" HTTPS://Studio.Example.com:443/ \n", "https://studio.example.com"),
        ("http://127.0.0.1:8001", "http://127.0.0.1:8001"),
        ("http://localhost:80", "http://localhost"),
        ("https://example.com/studio/", "https://example.com/studio"),
        ("http://[::1]:8001", "http://[::1]:8001"),
    ],
)
def test_an_address_is_kept_in_one_form(given: str, kept: str) -> None:
    assert read_address(given) == kept
    assert read_address(kept) == kept


@pytest.mark.parametrize(
    "bad",
    ["", "studio.example.com", "https://a b", "https://a/b c", "https://a/b#", "https://a/b?", "https://<", "ftp://x", "https://", "https://u:p@x", "https://x?token=1", "https://x#y",
     "https://x:99999", "https://[::1", "file:///etc/passwd", "https://a\x1b[31m"],
)  # fmt: skip
def test_what_is_no_address_is_refused(bad: str) -> None:
    with pytest.raises(UsageError):
        read_address(bad)


def test_an_invite_carries_its_address() -> None:
    for address in ("https://studio.example.com", "http://127.0.0.1:8001", "https://x.dev/studio"):
        assert read_invite(f"  {write_invite(address, TOKEN)}\n") == (address, TOKEN)
    assert read_invite(f"https://x.dev/#{TOKEN}") == ("https://x.dev", TOKEN)
    assert read_invite(TOKEN, "https://x.dev/") == ("https://x.dev", TOKEN)
    assert read_invite(f"https://x.dev#{TOKEN}", "https://x.dev:443") == ("https://x.dev", TOKEN)


@pytest.mark.parametrize(
    ("invite", "studio"),
    [(TOKEN, ""), (f"https://x.dev#{TOKEN}", "https://y.dev"), ("https://x.dev#", ""), ("https://x.dev", ""),
     ("https://x.dev#a b", ""), ("", "https://x.dev"), (f"x.dev#{TOKEN}", ""), ("https://x.dev#" + "a" * 201, "")],
)  # fmt: skip
def test_what_is_no_invite_is_refused(invite: str, studio: str) -> None:
    with pytest.raises(UsageError):
        read_invite(invite, studio)


@pytest.mark.parametrize(
    ("address", "here"),
    [
        ("http://127.0.0.1:1", True),
        ("http://127.9.9.9", True),
        ("http://[::1]:1", True),
        ("http://localhost", True),
        ("http://localhost.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
    ],
)
def test_tokens_go_over_plain_http_on_this_machine_alone(address: str, here: bool) -> None:
    assert loopback(address) == here
    refuse_plain(address, insecure=True)
    refuse_plain(address.replace("http:", "https:"), insecure=False)
    if here:
        refuse_plain(address, insecure=False)
    else:
        with pytest.raises(UsageError, match="plain http"):
            refuse_plain(address, insecure=False)


WORDS = st.text() | st.lists(st.sampled_from(["https://", "http://", "h", ".", ":", "8", "/", "#", "@", "[", "]", "::1",
                                              "?", " ", "%", "\\", "\x0b", "ä", TOKEN])).map("".join)  # fmt: skip


@given(WORDS, WORDS)
def test_any_text_is_an_address_in_one_form_or_refused(text: str, studio: str) -> None:
    try:
        kept = read_address(text)
    except UsageError:
        pass
    else:
        assert read_address(kept) == kept
        assert not set(kept) & set(" \n<>@#?")
    try:
        address, token = read_invite(text, studio)
    except UsageError:
        return
    assert read_invite(write_invite(address, token)) == (address, token)
