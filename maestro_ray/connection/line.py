"""The local line: JSON-RPC 2.0, a message a line, over a Unix socket that only its owner can open."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Generator
from pathlib import Path
from typing import Any

from maestro_ray.background import Background
from maestro_ray.errors import BadFrame, DaemonUnavailable, MaestroError
from maestro_ray.protocol.jsonrpc import (
    Failure,
    LineSplitter,
    Malformed,
    Message,
    Notification,
    Request,
    Result,
    decode,
    encode,
    error_from,
    to_error,
)

log = logging.getLogger(__name__)

# what is said is on its way at once; whoever has much to say awaits it, to go at the pace of who reads
Notify = Callable[[str, dict[str, Any]], Awaitable[None]]
Handle = Callable[[str, dict[str, Any], Notify], Awaitable[Any]]

# a reader who falls this far behind (bytes) in what nobody awaits is cut off
HIGH_WATER = 4 * 1024 * 1024


class LineServer:
    """Serves one socket. Each request runs beside the others of its connection, and ends with it."""

    def __init__(self, path: Path, handle: Handle) -> None:
        self._path = path
        self._handle = handle
        self._server: asyncio.Server | None = None
        self._inode = 0
        self._peers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Listen; a socket of that name is replaced, so the caller must know that nobody else wants it."""
        self._path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(self._serve, str(self._path))
        finally:
            os.umask(before)
        self._inode = self._path.stat().st_ino

    async def close(self) -> None:
        """Stop listening, and end every call that runs."""
        if self._server is not None:
            self._server.close()
        for peer in list(self._peers):
            peer.cancel()
        await asyncio.gather(*self._peers, return_exceptions=True)
        with contextlib.suppress(FileNotFoundError):
            if self._path.stat().st_ino == self._inode:  # another life may listen here already
                self._path.unlink()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._peers.add(task)
        try:
            if _is_ours(writer):
                await _Peer(self._handle, reader, writer).serve()
        except (ConnectionError, asyncio.CancelledError):
            pass  # the person left, or the daemon stops: either way there is nobody to tell
        finally:
            await _hang_up(writer)
            self._peers.discard(task)


class _Peer:
    """One connection."""

    def __init__(self, handle: Handle, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._handle = handle
        self._reader = reader
        self._writer = writer
        self._running = Background(lambda error: log.error("on the local line: %r", error, exc_info=error))

    async def serve(self) -> None:
        lines = LineSplitter()
        try:
            while data := await self._reader.read(65536):
                for line in lines.feed(data):
                    self._take(line)
                await self._writer.drain()
        finally:
            await self._running.end()

    def _take(self, line: bytes | BadFrame) -> None:
        if isinstance(line, BadFrame):
            self._send(error_from(line, None))
            return
        decoded = decode(line)
        for message in decoded if isinstance(decoded, list) else [decoded]:
            if isinstance(message, Malformed):
                self._send(message.answer)
            elif isinstance(message, Request):
                self._running.spawn(self._answer(message))

    async def _answer(self, request: Request) -> None:
        params = request.params if isinstance(request.params, dict) else {}
        try:
            self._send(Result(request.id, await self._handle(request.method, params, self._notify)))
        except MaestroError as error:
            self._send(error_from(error, request.id))
        except Exception as error:
            if self._writer.is_closing() and isinstance(error, ConnectionError):
                return  # who asked has left
            log.exception("%s", request.method)
            self._send(error_from(error, request.id))

    def _notify(self, method: str, params: dict[str, Any]) -> Awaitable[None]:
        self._send(Notification(method, params))
        return _Drained(self._writer)

    def _send(self, message: Message) -> None:
        if self._writer.is_closing():
            return
        if self._writer.transport.get_write_buffer_size() > HIGH_WATER:
            log.warning("a reader of the local line does not read and is cut off")
            self._writer.transport.abort()
            return
        self._writer.write(encode(message).encode() + b"\n")


class _Drained:
    """Awaited, it waits until the other end has read most of what was sent. It need not be awaited."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def __await__(self) -> Generator[Any, None, None]:
        return self._writer.drain().__await__()


def _is_ours(writer: asyncio.StreamWriter) -> bool:
    """The directory keeps others out already; this is the second lock."""
    raw = writer.get_extra_info("socket").getsockopt(
        socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
    )
    _, uid, _ = struct.unpack("3i", raw)
    return bool(uid == os.getuid())


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    """What the other end has not read is of no use to it any more."""
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def answer_in(line: bytes | BadFrame) -> Message:
    """The message in a line of the other end. Raises `BadFrame`: what it means cannot be guessed."""
    message = decode(line) if isinstance(line, bytes) else line
    if isinstance(message, BadFrame):
        raise message
    if isinstance(message, Malformed | list):
        raise BadFrame(message.reason if isinstance(message, Malformed) else "a batch was not asked for")
    return message


async def unheard(_method: str, _params: dict[str, Any]) -> None:
    """A `Notify` for those who want the answer alone."""


async def call(path: Path, method: str, params: dict[str, Any], notify: Notify) -> Any:
    """Ask another local line and pass on what it notifies; leaving in the middle ends the call there too.

    Nothing is read while `notify` waits, so that a slow reader slows down who speaks and nobody in between.
    Raises `DaemonUnavailable` when nobody listens or the line breaks, `BadFrame` when the other end speaks something
    else, `Reported` for an error of it.
    """
    try:
        reader, writer = await asyncio.open_unix_connection(str(path))
    except OSError as error:
        raise DaemonUnavailable(f"{path.stem} is not there") from error
    lines = LineSplitter()
    try:
        writer.write(encode(Request(1, method, params)).encode() + b"\n")
        while data := await reader.read(65536):
            for line in lines.feed(data):
                message = answer_in(line)
                if isinstance(message, Notification) and isinstance(message.params, dict):
                    await notify(message.method, message.params)
                elif isinstance(message, Failure):
                    raise to_error(message)
                elif isinstance(message, Result):
                    return message.result
        raise DaemonUnavailable(f"{path.stem} went away in the middle of the call")
    except OSError as error:
        raise DaemonUnavailable(f"the line to {path.stem} broke: {error}") from error
    finally:
        await _hang_up(writer)
