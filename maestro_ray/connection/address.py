"""The address of a Studio, and an invite that carries it: `https://studio.example.com#TOKEN`."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from maestro_ray.errors import UsageError

# a name or number of a host; anything else a resolver might read in its own way
_HOST = re.compile(r"[\w.-]{1,253}|[0-9A-Fa-f:.]{2,45}(%[\w.-]{1,20})?")
_TOKEN = re.compile(r"[A-Za-z0-9._~-]{1,200}")


def read_address(text: str) -> str:
    """A Studio's address in the one form it is kept in, without a slash at its end. Raises `UsageError`."""
    text = text.strip()
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise _bad(text) from error
    if parts.scheme not in ("http", "https") or not text.isprintable():
        raise _bad(text)
    name = parts.hostname or ""
    if not _HOST.fullmatch(name):
        raise _bad(text)
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise UsageError(
            "the address of a Studio has no user, password or query in it",
            "for example: https://studio.example.com",
        )
    if re.search(r"[\s<>\"\\?#]", text):
        raise _bad(text)
    host = f"[{name}]" if ":" in name else name
    usual = {"http": 80, "https": 443}[parts.scheme]
    place = host if port in (None, usual) else f"{host}:{port}"
    return f"{parts.scheme}://{place}{parts.path.rstrip('/')}"


def read_invite(text: str, studio: str = "") -> tuple[str, str]:
    """`(address, token)` of an invite; a bare token needs the address beside it. Raises `UsageError`."""
    address, hash_, token = text.strip().rpartition("#")
    if not _TOKEN.fullmatch(token):
        raise UsageError("this is no invite", "an invite looks like https://studio.example.com#TOKEN")
    given = read_address(studio) if studio else ""
    if not hash_:
        if not given:
            raise UsageError("the invite does not say which Studio it is for", "say it with --studio URL")
        return given, token
    found = read_address(address)
    if given and given != found:
        raise UsageError(f"the invite is for {found}, not for {given}", "leave --studio away")
    return found, token


def write_invite(address: str, token: str) -> str:
    """What follows the `#` is sent to no server, should somebody open it in a browser."""
    return f"{address}#{token}"


def refuse_plain(address: str, *, insecure: bool) -> None:
    """No token goes over plain http to another machine, unless somebody has said so. Raises `UsageError`."""
    if not insecure and urlsplit(address).scheme == "http" and not loopback(address):
        raise UsageError(
            f"{address} is plain http: whoever is on the way could read the tokens",
            "use its https address; on a network you trust: --insecure",
        )


def loopback(address: str) -> bool:
    """Whether the address is this machine's own."""
    host = urlsplit(address).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _bad(text: str) -> UsageError:
    return UsageError(f"{text!r} is not the address of a Studio", "for example: https://studio.example.com")
