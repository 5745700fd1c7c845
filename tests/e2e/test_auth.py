"""Signing in at this machine's own Studio, through the real daemon; Ray is not needed."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from e2e.machine import Machine

from maestro_ray import __version__

pytestmark = [pytest.mark.e2e]


def get(url: str, token: str) -> dict[str, object]:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=10) as answer:
        return dict(json.loads(answer.read()))


def test_this_machine_and_a_guest_on_it(machine):
    """A token starts Studio; an invite makes a guest in another home; the owner's sign-ins are replaced."""
    assert machine.json("auth", "status")["identities"][0]["state"] == "not_started"
    assert machine.processes() == []
    told = machine.json("auth", "token")
    assert get(f"{told['studio']}/api/v1/me", told["token"])["roles"] == {"*": "owner"}

    invite = machine.json("auth", "invite", "--role", "member")["invite"]
    assert invite.startswith(f"{told['studio']}#")
    guest = Machine(machine.directory, machine.directory / "guest")
    signed_in = guest.run("auth", invite, "--name", "eve")
    assert signed_in.returncode == 0, signed_in.stderr
    assert "signed in as eve" in signed_in.stdout
    # to the one who has it, the Studio of this machine is no other
    refused = machine.run("auth", machine.json("auth", "invite", "--role", "member")["invite"])
    assert refused.returncode == 1
    assert (
        refused.stderr.splitlines()[0]
        == "error: this is the Studio of this machine, and `local` is its owner already"
    )

    assert machine.json("auth", "logout", "--everywhere", "--identity", "local")["told"]
    with pytest.raises(urllib.error.HTTPError, match="401"):
        get(f"{told['studio']}/api/v1/me", told["token"])
    (local,) = machine.json("auth", "status")["identities"]
    assert (local["state"], local["roles"], local["kept"]) == ("signed_in", {"*": "owner"}, "file")
    assert "signed in as eve" in guest.run("auth", "status").stdout
    guest.close()


def test_where_studio_is_is_said_in_whole(machine):
    told = machine.json("studio", "info")

    assert set(told) == {"kind", "action", "status", "url", "ws_url", "key", "auth_endpoint", "version"}
    url, ws, auth = (urlsplit(told[name]) for name in ("url", "ws_url", "auth_endpoint"))
    assert (url.scheme, ws.scheme, auth.scheme) == ("http", "ws", "http")
    assert {each.hostname for each in (url, ws, auth)} == {"127.0.0.1"}
    assert {each.port for each in (url, ws, auth)} == {url.port}
    assert (ws.path, auth.path) == (f"/app/{told['key']}", "/broadcasting/auth")
    assert "protocol=7" in ws.query
    assert told["version"] == __version__
    assert (
        json.loads(
            urllib.request.build_opener(urllib.request.ProxyHandler({}))
            .open(f"{told['url']}/up", timeout=10)
            .read()
        )["version"]
        == __version__
    )
