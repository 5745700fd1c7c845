from __future__ import annotations

import json
from dataclasses import replace

from workspace.sample import Sample

from maestro_ray.analysis.items import LENGTHS, MOST_BYTES, items
from maestro_ray.analysis.manifests import Manifest
from maestro_ray.analysis.survey import survey
from maestro_ray.studio import analysis
from maestro_ray.studio.api.decode import LARGEST_BODY


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
        ("languages", ""), ("commands", ""), ("directories", ""), ("hot_files", ""), ("context", "CLAUDE.md"),
        ("dependencies", "go.mod"),
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


def test_what_studio_would_refuse_is_not_told(sample: Sample) -> None:
    """One name of a hostile manifest would otherwise keep all of the survey from its project."""
    odd = Manifest("package.json", "JavaScript", ("x" * 100_000, "y\0\ud800", "日" * 300))
    many = [replace(odd, path=f"{n}\udcff/package.json", dependencies=("日" * 64_000,)) for n in range(199)]
    found = survey(sample.repo.git, sample.commit("more", **{"AGENTS.md": "Mind it."}))
    told = items(replace(found, manifests=[odd, *many]))
    assert LENGTHS == analysis.LENGTHS
    assert "AGENTS.md" in [each["path"] for each in told]
    assert all(len(value) <= LENGTHS[key] for each in told for key, value in each.items())
    assert not any("\0" in value or not value.isprintable() for each in told for value in each["path"])
    assert len(json.dumps(told).encode()) < MOST_BYTES + 100_000 < LARGEST_BODY
