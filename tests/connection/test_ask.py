from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from maestro_ray.connection import ask as module
from maestro_ray.connection.ask import ask
from maestro_ray.errors import StudioRefused, StudioUnavailable, Unauthenticated
from maestro_ray.testing import LocalStudio


@contextmanager
def answering(status: int, body: bytes = b"", **headers: str) -> Iterator[tuple[str, list[Any]]]:
    """A server that always says this; its address, and the headers it was asked with."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            seen.append(self.headers)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    for method in ("GET", "POST"):
        setattr(Handler, f"do_{method}", Handler.answer)
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}", seen
        finally:
            server.shutdown()
            thread.join()


async def test_what_is_refused_and_who_is_away(studio: LocalStudio) -> None:
    url = f"{studio.url}/api/v1"
    with pytest.raises(StudioRefused):
        await asyncio.to_thread(ask, "POST", f"{url}/auth/redeem", {"surprise": 1})
    with pytest.raises(Unauthenticated, match="not valid"):
        await asyncio.to_thread(ask, "GET", f"{url}/me", None, "forged")
    await studio.stop()
    with pytest.raises(StudioUnavailable):
        await asyncio.to_thread(ask, "POST", f"{url}/auth/redeem", {"token": "x"})


def test_a_token_follows_no_redirection() -> None:
    with answering(200, b"{}") as (other, seen), answering(307, Location=other) as (url, asked):
        with pytest.raises(StudioRefused):
            ask("GET", url, token="secret")
        with pytest.raises(StudioRefused):
            ask("POST", url, {}, token="secret")
        assert [headers["Authorization"] for headers in asked] == ["Bearer secret"] * 2
        assert seen == []


def test_an_answer_that_is_none_of_ours() -> None:
    with answering(200, b"<html>") as (url, _), pytest.raises(StudioUnavailable, match="is this Studio"):
        ask("GET", url)
    with answering(200, b'{"cut": ', X="1") as (url, _), pytest.raises(StudioUnavailable):
        ask("GET", url)
    with answering(204) as (url, _):
        assert ask("POST", url, {}) is None


def test_a_proxy_of_the_shell_is_not_for_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(418) as (proxy, asked), answering(200, b"[1]") as (url, _):
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy)
        assert ask("GET", url) == [1]
        assert asked == []


@contextmanager
def dripping(begin: bytes, drop: bytes) -> Iterator[tuple[str, threading.Event]]:
    """A server that begins so and goes on by drops for 10 s; its address, and whether it has given up."""
    stop = threading.Event()

    def drip(listener: socket.socket) -> None:
        peer, _ = listener.accept()
        with peer, contextlib.suppress(OSError):
            peer.recv(65536)
            peer.sendall(begin)
            while not stop.wait(0.05):
                peer.sendall(drop)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        asking = threading.Timer(10, stop.set)
        asking.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/x", stop
        finally:
            stop.set()
            asking.cancel()
            thread.join()


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\nx: ", b"y"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", b" "),
        (b"HTTP/1.1 500 No\r\ncontent-length: 100000\r\n\r\n", b" "),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["status line", "header", "body", "refusal", "go on"],
)
def test_an_answer_that_trickles_is_given_up(begin: bytes, drop: bytes) -> None:
    """A refusal too: whoever renews tokens holds the lock of all processes meanwhile."""
    with dripping(begin, drop) as (url, gave_up):
        with pytest.raises(StudioUnavailable):
            ask("GET", url, within=0.3)
        assert not gave_up.is_set()


def test_an_answer_that_is_too_large_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_ANSWER", 10)
    with answering(200, b'"12345678901"') as (url, _):
        assert ask("GET", url, largest=20) == "12345678901"
    with answering(200, b'"12345678901"') as (url, _), pytest.raises(StudioUnavailable, match="too large"):
        ask("GET", url)
