"""The door for other machines: TLS, the names it answers to, and that nobody can pass for somebody else."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from absent import absent
from starlette.applications import Starlette

from maestro_ray.config import Config
from maestro_ray.errors import ConfigError, UsageError
from maestro_ray.home import Home
from maestro_ray.listen_table import ListenTable
from maestro_ray.studio import browser, identity
from maestro_ray.studio.app import create_app
from maestro_ray.studio.outside import open_door
from maestro_ray.studio.server import Server
from maestro_ray.studio.studio import Studio

pytestmark = pytest.mark.sqlite_only("no database is asked")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    return home


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """For `studio.example`, signed by itself: certificate and key."""
    if shutil.which("openssl") is None:
        absent("openssl is not installed, and no certificate can be made")
    directory = tmp_path_factory.mktemp("tls")
    files = str(directory / "cert.pem"), str(directory / "key.pem")
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=studio.example", "-addext", "subjectAltName=DNS:studio.example", "-out", files[0],
             "-keyout", files[1]]  # fmt: skip
    subprocess.run(["openssl", *words], check=True, capture_output=True)
    return files


@pytest.fixture
async def door(studio: Studio, certificate: tuple[str, str]) -> AsyncIterator[tuple[int, int]]:
    """The port on loopback and the one outside, of one Studio."""
    table = ListenTable("127.0.0.1", 0, ("studio.example",), *certificate)
    opened = open_door(table)
    assert opened is not None
    outside = int(opened.listener.getsockname()[1])
    server = Server(create_app(studio, table.names), grace=1, signals=False, outside=opened)
    yield await server.begin(), outside
    await server.stop()


async def status(port: int, certificate: str, scheme: str = "https", **headers: str) -> int:
    context = ssl.create_default_context(cafile=certificate)
    async with httpx.AsyncClient(trust_env=False, verify=context) as http:
        url = f"{scheme}://127.0.0.1:{port}/up"
        answer = await http.get(url, headers=headers, extensions={"sni_hostname": "studio.example"})
        return answer.status_code


async def test_other_machines_come_in_over_tls_and_this_one_as_before(
    door: tuple[int, int], certificate: tuple[str, str]
) -> None:
    """Without `ssl=` in `Server.startup` the first answer would be readable by whoever is on the way."""
    inside, outside = door
    assert await status(outside, certificate[0], host="studio.example") == 200
    assert await status(inside, certificate[0], "http") == 200
    with pytest.raises(httpx.HTTPError):
        await status(outside, certificate[0], "http")


async def test_it_answers_to_its_names_only(door: tuple[int, int], certificate: tuple[str, str]) -> None:
    assert await status(door[1], certificate[0], host="evil.example") == 400


async def test_the_cookie_of_a_browser_that_came_over_tls_stays_there(
    studio: Studio, door: tuple[int, int], certificate: tuple[str, str]
) -> None:
    """What says so is the connection. Without `secure=` in `visitor.remember` the cookie would go out in the clear."""
    tokens = await studio.store.write(identity.redeem, await studio.store.write(identity.invite), "ada")
    user = identity.verify(tokens["access_token"], studio.door.secret, studio.clock.wall())["sub"]
    link = await studio.store.write(browser.link, user)
    context = ssl.create_default_context(cafile=certificate[0])
    async with httpx.AsyncClient(trust_env=False, verify=context) as http:
        answer = await http.post(
            f"https://127.0.0.1:{door[1]}/sign-in",
            data={"link": link},
            headers={"host": "studio.example", "origin": "https://studio.example"},
            extensions={"sni_hostname": "studio.example"},
        )
    assert answer.status_code == 303, answer.text
    assert "; Secure" in answer.headers["set-cookie"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('host = "0.0.0.0"', "without 'certificate' and 'key' whoever is on the way could read the tokens"),
        ('host = "::"', "without 'certificate' and 'key' whoever is on the way could read the tokens"),
        ('host = "0.0.0.0"\ncertificate = "/c"', "a certificate and its key are two files"),
        ('host = "studio"', "'host' is an IP address of this machine"),
        ('host = "0.0.0.0"\ncertificate = "c"\nkey = "/k"', "'c' is not an absolute path"),
        ('host = "0.0.0.0"\ninsecure = true\nnames = ["*"]', "'*' is not the name of a host"),
        ('host = "0.0.0.0"\ninsecure = true', "by which 'names' do others call this machine"),
    ],
)
def test_a_door_without_tls_needs_a_word_that_says_so(home: Home, text: str, said: str) -> None:
    """Without the rule in `_listen` a Studio would hand out tokens in plain http to a whole network."""
    (home.root / "config.toml").write_text(f"[listen]\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        Config.load(home)
    assert said in str(caught.value)


def test_with_that_word_it_is_plain(home: Home) -> None:
    (home.root / "config.toml").write_text('[listen]\nhost = "127.0.0.1"\nport = 0\ninsecure = true\n')
    opened = open_door(Config.load(home).listen)
    assert opened is not None
    opened.listener.close()
    assert opened.context is None


def test_without_a_host_there_is_no_door() -> None:
    assert open_door(ListenTable()) is None


def test_what_cannot_be_opened_is_named(tmp_path: Path, certificate: tuple[str, str]) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(UsageError, match="Address already in use"),
    ):
        open_door(ListenTable("127.0.0.1", taken.getsockname()[1], (), *certificate))
    with pytest.raises(UsageError, match="cannot be used: No such file"):
        open_door(ListenTable("127.0.0.1", 0, (), str(tmp_path / "no"), certificate[1]))


def test_a_name_is_the_same_in_capitals(home: Home) -> None:
    """Red without `lower`: the middleware compares with a `Host` in small letters, and nobody would get in."""
    text = '[listen]\nhost = "0.0.0.0"\ninsecure = true\nnames = ["Studio.Example"]\n'
    (home.root / "config.toml").write_text(text)
    assert Config.load(home).listen.names == ("studio.example",)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(
    tmp_path: Path, certificate: tuple[str, str]
) -> None:
    """Red (its own words ask at the terminal, and the start waits) without a password for `load_cert_chain`."""
    locked = str(tmp_path / "locked.pem")
    words = ["ec", "-in", certificate[1], "-aes128", "-passout", "pass:four words of it", "-out", locked]
    subprocess.run(["openssl", *words], check=True, capture_output=True)
    program = (
        "from maestro_ray.config import ListenTable; from maestro_ray.studio.outside import open_door; "
        f"open_door(ListenTable('127.0.0.1', 0, (), {certificate[0]!r}, {locked!r}))"
    )
    main, terminal = os.openpty()
    try:
        ended = subprocess.run(
            [sys.executable, "-c", program], stdin=terminal, capture_output=True, text=True, timeout=30,
            start_new_session=True, check=False,
        )  # fmt: skip
    finally:
        os.close(main)
        os.close(terminal)
    assert "UsageError" in ended.stderr
    assert "has a passphrase" in ended.stderr


async def test_nobody_at_the_door_passes_for_another(app: Starlette) -> None:
    """With `proxy_headers` a new X-Forwarded-For for each guess would get past the limit of guesses."""
    server = Server(app, grace=1, signals=False)
    port = await server.begin()
    async with httpx.AsyncClient(trust_env=False) as http:
        statuses = [
            (
                await http.post(
                    f"http://127.0.0.1:{port}/api/v1/auth/redeem",
                    json={"token": f"guess-{number}", "name": "eve"},
                    headers={"x-forwarded-for": f"10.0.0.{number}"},
                )
            ).status_code
            for number in range(40)
        ]
    await server.stop()
    assert statuses[0] == 401
    assert statuses[-1] == 429
