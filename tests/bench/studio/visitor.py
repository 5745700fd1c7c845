"""Somebody who is signed in to a Studio that runs: over REST, and with a cookie for its page."""

from __future__ import annotations

from pathlib import Path

from bench.studio.keep_alive import KeepAlive
from bench.studio.server import Server

from maestro_ray.home import Home


def owner(server: Server, home: Path) -> KeepAlive:
    """A connection whose calls carry an access token."""
    client = server.client()
    body = {
        "token": (Home.find({"MAESTRO_HOME": str(home)}).run / "invite").read_text().strip(),
        "name": "bench",
    }
    token = client.call("POST", "/api/v1/auth/redeem", body)["access_token"]
    client.headers["authorization"] = f"Bearer {token}"
    return client


def browser(server: Server, owner: KeepAlive) -> KeepAlive:
    """A connection whose calls carry the cookie of a browser."""
    link = owner.call("POST", "/api/v1/auth/page-link")["url"].partition("link=")[2]
    client = server.client(origin=f"http://127.0.0.1:{server.port}", host=f"127.0.0.1:{server.port}")
    client.call("POST", "/sign-in", form=f"link={link}")
    cookie = next(line[12:] for line in client.head.split("\r\n") if line.lower().startswith("set-cookie:"))
    client.headers["cookie"] = cookie.partition(";")[0]
    return client
