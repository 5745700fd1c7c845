from __future__ import annotations

from pathlib import Path

import pytest
from workspace.sample import Sample

from maestro_ray.analysis.glance import glance
from maestro_ray.analysis.offline import Offline
from maestro_ray.analysis.survey import survey
from maestro_ray.errors import GitFailed


def without(sample: Sample, *objects: str) -> Path:
    """Make it a clone that has left these to its remote; a file that is there as soon as the remote is asked."""
    asked = sample.path.parent / "asked"
    for name in objects:
        sha = sample.git("rev-parse", name)
        (sample.path / ".git/objects" / sha[:2] / sha[2:]).unlink()
    for key, value in {
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": "ssh://nowhere.invalid/x",
        "core.sshCommand": f"touch '{asked}'; false",
    }.items():
        sample.git("config", key, value)
    return asked


def test_what_a_clone_has_left_out_is_not_fetched(tmp_path: Path) -> None:
    """With plain `git` the command of the repository's configuration is run: `core.sshCommand` for one."""
    sample = Sample.make(tmp_path / "project", **{"package.json": "{}", "b.py": "x = 1\n"})
    sample.commit("second", **{"b.py": "x = 2\n"})
    head = sample.git("rev-parse", "HEAD")
    asked = without(sample, "HEAD:package.json", "HEAD~1^{tree}")
    assert "package.json" in glance(sample.repo.git, head).entries
    assert not asked.exists()
    found = survey(sample.repo.git, head)
    assert not asked.exists()
    assert ([each.name for each in found.languages], found.hot_files) == (["Python"], [])
    with pytest.raises(GitFailed):
        Offline(sample.repo.git).run("cat-file", "blob", "HEAD:package.json")
    assert not asked.exists()
