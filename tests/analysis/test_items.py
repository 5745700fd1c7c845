from __future__ import annotations

from workspace.sample import Sample

from maestro_ray.analysis.items import items
from maestro_ray.analysis.survey import survey
from maestro_ray.studio.analysis import LENGTHS


def test_a_survey_is_told_as_items_of_knowledge(sample: Sample) -> None:
    token = "ghp_" + "a1B2" * 9
    head = sample.commit(
        "more",
        **{
            "Makefile": "test:\n", "go.mod": "require golang.org/x/net v1\n", "cmd/main.go": "package x\n", "a.txt": "y",
            "CLAUDE.md": f"Use {token}\n",
        },
    )  # fmt: skip
    found = items(survey(sample.repo.git, head))
    assert [(each["kind"], each["path"]) for each in found] == [
        ("languages", ""), ("commands", ""), ("directories", ""), ("hot_files", ""), ("dependencies", "go.mod"),
        ("context", "CLAUDE.md"),
    ]  # fmt: skip
    bodies = {each["kind"]: each["body"] for each in found}
    assert bodies["languages"] == "Go 62%, 1 file\nMakefile 38%, 1 file"
    assert bodies["commands"].splitlines()[0] == "test: make test (Makefile)"
    assert bodies["directories"] == "cmd/ 1 file, Go"
    assert bodies["hot_files"] == "a.txt changed in 2 commits"
    assert bodies["dependencies"] == "golang.org/x/net"
    assert "Use" in bodies["context"]
    assert token not in bodies["context"]
    assert all(each.keys() == LENGTHS.keys() for each in found)


def test_nothing_found_is_nothing_told(sample: Sample) -> None:
    sample.git("rm", "-q", "-r", ".")
    assert items(survey(sample.repo.git, sample.commit("empty"))) == []
