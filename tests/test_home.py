from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from maestro_ray.errors import NotWritable
from maestro_ray.home import LONGEST_RAY_DIRECTORY, Home


def test_the_home_is_named_by_the_environment_or_is_in_the_users(tmp_path):
    assert Home.find({"MAESTRO_HOME": "/srv/m"}) == Home(Path("/srv/m"), Path("/srv/m/run"))
    assert Home.find({"HOME": "/home/ada"}).root == Path("/home/ada/.maestro")


def test_a_long_home_has_its_sockets_in_a_short_directory_of_its_own():
    long = [Home.find({"MAESTRO_HOME": f"/{letter * 100}"}) for letter in "ab"]

    assert long[0].run != long[1].run
    assert all(len(os.fsencode(home.ray_directory)) <= LONGEST_RAY_DIRECTORY for home in long)
    assert all(home.run.parent.name == f"maestro-{os.getuid()}" for home in long)


def test_directories_are_made_private(tmp_path):
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.root.mkdir(mode=0o755)
    home.prepare()

    for path in (home.root, home.run, home.journal, home.logs, home.worktrees, home.studio):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700, path


def test_a_home_below_a_file_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotWritable, match="cannot write to"):
        Home(tmp_path / "file" / "home", tmp_path / "run").prepare()


def test_a_run_directory_that_is_a_link_is_refused(tmp_path):
    """Somebody else could have laid it out."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotWritable, match="is a symbolic link"):
        Home(tmp_path / "home", tmp_path / "run").prepare()


def test_the_machine_id_is_made_once_however_many_ask(tmp_path):
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(lambda _: home.machine_id(), range(32)))

    assert len(ids) == 1
    assert [path.name for path in home.root.iterdir() if path.name.startswith("machine")] == ["machine.id"]
