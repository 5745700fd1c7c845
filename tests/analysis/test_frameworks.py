from __future__ import annotations

from maestro_ray.analysis.frameworks import frameworks
from maestro_ray.analysis.manifests import Manifest


def test_dependencies_give_frameworks_away_each_once() -> None:
    found = [
        Manifest("package.json", "JavaScript", ("react", "react-dom", "left-pad")),
        Manifest("pyproject.toml", "Python", ("Django", "react")),
    ]
    assert frameworks(found) == ["React", "Django"]
    assert frameworks([]) == []
