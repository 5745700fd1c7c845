"""The `[listen]` table: where other machines reach Studio."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from maestro_ray.toml import Table


@dataclass(frozen=True)
class ListenTable:
    """Where other machines reach Studio, and by which `names` (a request's `Host`).

    `certificate` and `key` are PEM files. Without a `host` nobody does; with `insecure` everybody on the way can read
    the tokens.
    """

    host: str = ""
    port: int = 8443
    names: tuple[str, ...] = ()
    certificate: str = ""
    key: str = ""
    insecure: bool = False


def read_listen(table: Table) -> ListenTable:
    """Raises `ConfigError`."""
    table.only("host", "port", "names", "certificate", "key", "insecure")
    at = port(table, "port") if "port" in table else ListenTable.port
    found = ListenTable(
        _number_of_a_host(table, "host"),
        at,
        tuple(name.lower() for name in table.texts("names")),
        _file(table, "certificate"),
        _file(table, "key"),
        table.flag("insecure", False),
    )
    if wrong := next(
        (name for name in found.names if not re.fullmatch(r"[\w.-]+|\[[0-9A-Fa-f:.]+\]", name)), None
    ):
        raise table.mistake(f"{wrong!r} is not the name of a host", "names")
    if bool(found.certificate) != bool(found.key):
        raise table.mistake("a certificate and its key are two files, and both are needed")
    outside = bool(found.host) and not ipaddress.ip_address(found.host).is_loopback
    if outside and not found.certificate and not found.insecure:
        raise table.mistake(
            "without 'certificate' and 'key' whoever is on the way could read the tokens; "
            "on a network you trust: insecure = true",
            "host",
        )
    if outside and not found.names:
        raise table.mistake("by which 'names' do others call this machine? Any other is refused", "host")
    return found


def _number_of_a_host(table: Table, key: str) -> str:
    value = table.text(key)
    try:
        return str(ipaddress.ip_address(value)) if value else ""
    except ValueError:
        raise table.mistake(
            f"{key!r} is an IP address of this machine, or 0.0.0.0 for all of them", key
        ) from None


def _file(table: Table, key: str) -> str:
    value = table.text(key)
    if value and not value.startswith("/"):
        raise table.mistake(f"{value!r} is not an absolute path", key)
    return value


def port(table: Table, key: str) -> int:
    """Of a server; 0 for any that is free. Raises `ConfigError`."""
    value = table.whole(key, 0)
    if not 0 <= value <= 65535:
        raise table.mistake(f"{key!r} is a port, 0 to 65535", key)
    return value
