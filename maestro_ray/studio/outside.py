"""Studio's door for other machines: one more socket, behind TLS unless somebody has said otherwise.

The door on loopback stays as it is, for this machine's own processes.
"""

from __future__ import annotations

import socket
import ssl
from dataclasses import dataclass

from maestro_ray.errors import UsageError
from maestro_ray.listen_table import ListenTable


@dataclass(frozen=True)
class Door:
    """A listening socket, and what encrypts its connections; None only where plain http was asked for."""

    listener: socket.socket
    context: ssl.SSLContext | None


def open_door(table: ListenTable) -> Door | None:
    """None without a host in the table. Raises `UsageError` when the certificate or the address cannot be used."""
    if not table.host:
        return None
    context = _context(table) if table.certificate else None
    try:
        family = socket.AF_INET6 if ":" in table.host else socket.AF_INET
        listener = socket.create_server((table.host, table.port), family=family, backlog=1024)
    except OSError as error:
        where = f"{table.host} port {table.port}"
        raise UsageError(
            f"Studio cannot listen at {where}: {error.strerror or error}", "see [listen] in config.toml"
        ) from error
    listener.setblocking(False)
    return Door(listener, context)


def _context(table: ListenTable) -> ssl.SSLContext:
    def ask() -> str:
        # OpenSSL would ask at the terminal, and nobody is there
        raise UsageError(f"the key {table.key} has a passphrase", "give Studio a key without one")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(table.certificate, table.key, ask)
    except OSError as error:  # ssl's own errors among them
        raise UsageError(
            f"the certificate {table.certificate} with the key {table.key} cannot be used: "
            f"{error.strerror or error}",
            "see [listen] in config.toml",
        ) from error
    return context
