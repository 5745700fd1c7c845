from __future__ import annotations

import json

from maestro_cli import main
from maestro_ray.daemon.__main__ import only_one


def test_a_second_daemon_is_an_error_in_the_form_that_was_asked_for(capsys, home):
    home.prepare()
    with only_one(home):
        assert main.run(["--json", "daemon", "run"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["error_kind"] == "daemon_running"


def test_a_state_directory_that_is_a_link(capsys, home):
    (home.root.parent / "elsewhere").mkdir()
    home.root.symlink_to(home.root.parent / "elsewhere")
    assert main.run(["daemon", "run"]) == 1
    assert f"{home.root}: it is a symbolic link" in capsys.readouterr().err
