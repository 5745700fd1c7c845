from __future__ import annotations

import pytest

from maestro_ray.agent.environment import allowed

OURS = {
    "RAY_AUTH_TOKEN_PATH": "/run/token",
    "RAY_ADDRESS": "127.0.0.1:1",
    "MAESTRO_HOME": "/home/me/.maestro",
    "MAESTRO_TOKEN": "secret",
    "MAESTRO_MARK": "a:b:c",
    "ANTHROPIC_API_KEY": "key",
    "AWS_SECRET_ACCESS_KEY": "key",
    "PYTHONPATH": "/somewhere",
    "LD_PRELOAD": "x.so",
    "LCX": "1",
}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "PATH",
            "HOME",
            "USER",
            "LOGNAME",
            "SHELL",
            "LANG",
            "LANGUAGE",
            "LC_ALL",
            "LC_CTYPE",
            "TZ",
            "TERM",
            "TMPDIR",
        ),
        *(
            "http_proxy",
            "HTTP_PROXY",
            "https_proxy",
            "HTTPS_PROXY",
            "no_proxy",
            "NO_PROXY",
            "all_proxy",
            "ALL_PROXY",
        ),
        *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"),
        *("PIP_CERT", "GIT_SSL_CAINFO"),
    ],
)
def test_what_every_program_needs_is_let_through(name: str) -> None:
    assert allowed({name: "value"}, ()) == {name: "value"}


def test_nothing_else_is() -> None:
    assert allowed(OURS, ()) == {}


def test_what_is_named_is_let_through_and_only_that() -> None:
    assert allowed(OURS, ["ANTHROPIC_API_KEY", "MAESTRO_HOME", "NOT_SET"]) == {
        "ANTHROPIC_API_KEY": "key",
        "MAESTRO_HOME": "/home/me/.maestro",
    }


def test_a_ray_variable_stays_even_when_it_is_named() -> None:
    assert allowed(OURS, ["RAY_AUTH_TOKEN_PATH", "RAY_ADDRESS"]) == {}


def test_the_given_environment_is_left_as_it_was() -> None:
    environ = {"PATH": "/bin", **OURS}
    allowed(environ, ["ANTHROPIC_API_KEY"])["PATH"] = "changed"

    assert environ == {"PATH": "/bin", **OURS}
