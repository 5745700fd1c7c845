from __future__ import annotations

from maestro_cli import main
from maestro_ray import __version__


def test_versions_are_told(capsys):
    assert main.run(["version"]) == 0
    lines = capsys.readouterr().out.splitlines()

    assert lines[0] == f"maestro   {__version__}"
    assert [line.split()[0] for line in lines] == ["maestro", "ray", "python", "protocol"]
