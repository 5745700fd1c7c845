from __future__ import annotations

import stat
from pathlib import Path

from maestro_ray.agent.environment import allowed
from maestro_ray.agent.sweep import MARK
from maestro_ray.daemon.ray_environment import ray_environment
from maestro_ray.home import Home


def test_nothing_of_the_shell_leaks_into_ray(tmp_path):
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    env = ray_environment(
        home,
        {
            "PATH": "/bin",
            "DBUS_SESSION_BUS_ADDRESS": "unix:path=/bus",
            "RAY_ADDRESS": "1.2.3.4:5",
            "SECRET_KEY": "x",
            "RAY_TLS_SERVER_KEY": "y",
        },
    )

    assert "RAY_ADDRESS" not in env
    assert "SECRET_KEY" not in env
    assert "RAY_TLS_SERVER_KEY" not in env
    assert env["PATH"] == "/bin"
    # Connections reaches the keyring through it; agents do not see it
    assert env["DBUS_SESSION_BUS_ADDRESS"] == "unix:path=/bus"
    assert "DBUS_SESSION_BUS_ADDRESS" not in allowed(env)
    assert env["MAESTRO_HOME"] == str(home.root)
    assert env[MARK] == f"{home.instance}:node:ray"


def test_the_token_is_private_and_stays(tmp_path):
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    paths = [Path(ray_environment(home, {})["RAY_AUTH_TOKEN_PATH"]) for _ in range(2)]
    token = paths[0].read_text()

    assert paths[0] == paths[1]
    assert stat.S_IMODE(paths[0].stat().st_mode) == 0o600
    assert len(token) == 64
    assert ray_environment(home, {})["RAY_AUTH_MODE"] == "token"
    assert not any(token in value for value in ray_environment(home, {}).values())
