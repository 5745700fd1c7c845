"""A pretend link between a client's and a server's session, with a clock that is moved by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from maestro_ray.protocol.auth import sign_channel
from maestro_ray.protocol.session import (
    ClientLimits,
    ClientSession,
    CloseSocket,
    Event,
    ServerLimits,
    ServerSession,
    SubscribeAsked,
)

KEY, SECRET, SOCKET = "app-key", "app-secret", "123.456"
PROJECT = "private-project.0190c0de"


class Link:
    """Delivers strings both ways until both ends are silent, and keeps every event each end gave.

    The server's shell in here accepts each correctly signed subscription with `accepted_with`.
    """

    def __init__(
        self,
        client: ClientLimits | None = None,
        server: ServerLimits | None = None,
        accepted_with: dict[str, Any] | None = None,
    ) -> None:
        self.now = 1000.0
        self.client = ClientSession(self.now, client)
        self.server = ServerSession(SOCKET, KEY, SECRET, server)
        self.accepted_with = accepted_with
        self.client_events: list[Event] = []
        self.server_events: list[Event] = []
        self.sent: list[tuple[str, str]] = []
        self.mangle: Callable[[str], list[str]] = lambda text: [text]

    def open(self, key: str = KEY, protocol: str | None = "7") -> Link:
        self._serve(self.server.open(key, protocol, self.now))
        return self.run()

    def subscribe(self, channel: str = PROJECT, channel_data: str | None = None) -> Link:
        auth = sign_channel(KEY, SECRET, self.client.socket_id, channel, channel_data)
        self.client.subscribe(channel, auth, channel_data, now=self.now)
        return self.run()

    def run(self) -> Link:
        while True:
            down, up = self.server.data_to_send(), self.client.data_to_send()
            if not down and not up:
                return self
            for text in up:
                self.sent.append(("client", text))
                self._serve(self.server.receive(text, self.now))
            for text in down:
                self.sent.append(("server", text))
                for copy in self.mangle(text):
                    self._hear(self.client.receive(copy, self.now))

    def wait(self, seconds: float) -> Link:
        """Let time pass, firing every deadline at its time."""
        end = self.now + seconds
        while True:
            due = [
                each
                for each in (self.client.next_deadline(), self.server.next_deadline())
                if each is not None
            ]
            if not due or min(due) > end:
                self.now = end
                return self
            self.now = max(self.now, min(due))
            self._hear(self.client.handle_timer(self.now))
            self._serve(self.server.handle_timer(self.now))
            self.run()

    def events_of(self, kind: type) -> list[Any]:
        return [event for event in self.client_events if isinstance(event, kind)]

    def frames(self, sender: str) -> list[dict[str, Any]]:
        return [json.loads(text) for who, text in self.sent if who == sender]

    def _hear(self, events: list[Event]) -> None:
        self.client_events += events
        for event in events:
            if isinstance(event, CloseSocket):
                self.server_events += self.server.closed(event.code, event.reason, self.now)
                self.client_events += self.client.closed(event.code, event.reason, self.now)

    def _serve(self, events: list[Event]) -> None:
        self.server_events += events
        for event in events:
            if isinstance(event, SubscribeAsked):
                self.server.accept(event.channel, self.accepted_with)
            if isinstance(event, CloseSocket):
                self.run()
                self.client_events += self.client.closed(event.code, event.reason, self.now)
                self.server_events += self.server.closed(event.code, event.reason, self.now)
