"""HMAC signatures of the Pusher protocol: who may join a channel.

Source: pusher.com/docs/channels/library_auth_reference (auth-signatures).
"""

from __future__ import annotations

import hashlib
import hmac
import re

from maestro_ray.errors import BadFrame

LONGEST_CHANNEL = 200

# ASCII digits on purpose, and matched whole: `$` would let a newline through.
_SOCKET_ID = re.compile(r"[0-9]{1,20}\.[0-9]{1,20}")
_CHANNEL = re.compile(rf"[-a-zA-Z0-9_=@,.;]{{1,{LONGEST_CHANNEL}}}")


def valid_socket_id(text: str) -> bool:
    """Whether this has the form `digits.digits`."""
    return _SOCKET_ID.fullmatch(text) is not None


def valid_channel(name: str) -> bool:
    """Whether Pusher allows this name. No colon can stand in it, so no signature can be read in two ways."""
    return _CHANNEL.fullmatch(name) is not None


def is_presence(channel: str) -> bool:
    """Whether members of this channel see each other."""
    return channel.startswith("presence-")


def needs_auth(channel: str) -> bool:
    """Whether a subscription must be signed."""
    return channel.startswith("private-") or is_presence(channel)


def sign_channel(key: str, secret: str, socket_id: str, channel: str, channel_data: str | None = None) -> str:
    """The `auth` of a subscription, `key:hex`. Raises `BadFrame` when the socket id or the channel is none.

    `channel_data` is JSON text; the client must send exactly this text. An empty one counts as absent.
    """
    if not valid_socket_id(socket_id):
        raise BadFrame("socket_id must be digits.digits")
    if not valid_channel(channel):
        raise BadFrame(f"a channel's name is 1 to {LONGEST_CHANNEL} letters, digits and -_=@,.;")
    signed = f"{socket_id}:{channel}:{channel_data}" if channel_data else f"{socket_id}:{channel}"
    return f"{key}:{_hmac(secret, signed)}"


def verify_channel(
    key: str, secret: str, socket_id: str, channel: str, *, auth: str | None, channel_data: str | None = None
) -> bool:
    """Whether `auth` was signed with this key and secret for exactly this. Constant time; never raises."""
    try:
        wanted = sign_channel(key, secret, socket_id, channel, channel_data)
    except BadFrame:
        return False
    return auth is not None and hmac.compare_digest(_bytes(wanted), _bytes(auth))


def _hmac(secret: str, text: str) -> str:
    return hmac.new(_bytes(secret), _bytes(text), hashlib.sha256).hexdigest()


def _bytes(text: str) -> bytes:
    # A lone surrogate from a peer's JSON must fail the comparison, not the server.
    return text.encode("utf-8", "surrogatepass")
