from __future__ import annotations

import json

from workspace.sample import Sample

from maestro_ray.analysis import survey as module
from maestro_ray.analysis.survey import ContextFile, survey


def test_a_repository_is_surveyed_whole(sample: Sample) -> None:
    head = sample.commit(
        "more",
        **{
            "pyproject.toml": "[project]\ndependencies = ['flask']\n[tool.pytest]\n", "src/shop/till.py": "x = 1\n",
            "src/web/package.json": '{"dependencies": {"react": "1"}}', "AGENTS.md": "Mind it.\n", "a.txt": "new",
            "README.md": "x" * (module.CONTEXT_BYTES + 1), "vendor/go.mod": "",
        },
    )  # fmt: skip
    sample.write("Makefile", "test:\n")  # not committed
    found = survey(sample.repo.git, head)
    assert (found.commit, found.files) == (head, 9)
    assert [each.name for each in found.languages] == ["Python"]
    assert found.frameworks == ["Flask", "pytest", "React"]
    assert [each.command for each in found.commands] == ["python -m pytest"]
    assert [each.path for each in found.directories] == ["src", "src/shop", "src/web"]
    assert [each.path for each in found.hot_files] == ["a.txt"]
    assert [each.path for each in found.manifests] == ["pyproject.toml", "src/web/package.json"]
    assert found.context_files == [ContextFile("AGENTS.md", "Mind it.\n")]
    told = json.loads(json.dumps(found.told()))
    assert told["context_files"] == ["AGENTS.md"]
    assert told["manifests"][0]["dependencies"] == ["flask", "pytest"]


def test_a_commit_without_files_is_surveyed_too(sample: Sample) -> None:
    sample.git("rm", "-q", "-r", ".")
    found = survey(sample.repo.git, sample.commit("empty"))
    assert (found.files, found.size, found.languages, found.hot_files) == (0, 0, [], [])
