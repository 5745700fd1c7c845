from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.redaction import Secrets
from maestro_ray.transcript.diffs import Diffs, Span, spans
from maestro_ray.transcript.discreet import Discreet
from maestro_ray.transcript.document import Diff

DISCREET = Discreet(Secrets(["hunter2-and-more"]), {})
A, B, C, M = (letter * 40 for letter in "abcd")


def task(**values: str) -> dict[str, Any]:
    return {"base_commit": A, "merged": "", "head": "", **values}


def verdicts(*commits: str) -> list[dict[str, Any]]:
    return [{"commit": commit} for commit in commits]


@pytest.fixture
def sample(tmp_path: Path) -> Sample:
    return Sample.make(tmp_path / "project")


def head(sample: Sample) -> str:
    return sample.git("rev-parse", "HEAD")


def test_what_is_shown_of_a_task() -> None:
    first = Span("first version that was judged", A, B, parted=True)
    merged = Span("merged", f"{M}^1", M)
    assert list(spans(task(), [])) == []
    assert list(spans(task(head=B), [])) == [Span("not judged yet", A, B, parted=True)]
    assert list(spans(task(head=B), verdicts(B, B))) == [first]
    # one version that was merged as it was is not shown twice
    assert list(spans(task(head=B, merged=M), verdicts(B))) == [merged]
    assert list(spans(task(head=C, merged=M), verdicts(B, C))) == [
        first,
        Span("changed since the version before", B, C),
        merged,
    ]


def test_a_diff_is_read_with_its_counts(sample: Sample) -> None:
    base = head(sample)
    sample.commit("second", **{"a.txt": "1\n2\nhunter2-and-more\n", "new.txt": "n\n"})
    told = Diff(**Diffs(sample.repo.git, DISCREET).read(Span("merged", f"{head(sample)}^1", head(sample))))
    assert (told.base, told.commit, told.missing) == (base, head(sample), "")
    assert (told.files, told.insertions, told.deletions) == (2, 2, 1)
    assert "\n-3\n+***\n" in told.patch.text
    assert told.patch.left_out == 0


def test_what_others_did_meanwhile_is_no_part_of_it(sample: Sample) -> None:
    """Red without `--merge-base`."""
    sample.git("switch", "-q", "-c", "side")
    sample.commit("ours", **{"ours.txt": "x\n"})
    ours = head(sample)
    sample.git("switch", "-q", "main")
    sample.commit("theirs", **{"theirs.txt": "y\n"})
    told = Diffs(sample.repo.git, DISCREET).read(Span("not judged yet", head(sample), ours, parted=True))
    assert "ours.txt" in told["patch"]["text"]
    assert "theirs.txt" not in told["patch"]["text"]


def test_why_there_is_none_is_said(sample: Sample) -> None:
    span = Span("merged", A, B)
    assert Diffs(None, DISCREET).read(span)["missing"] == "the repository is not here"
    read = Diffs(sample.repo.git, DISCREET).read
    assert read(span)["missing"] == f"this repository has no commit {A[:12]}"
    assert read(Span("x", head(sample), B))["missing"] == f"this repository has no commit {B[:12]}"
    for name in ("--output=/tmp/x", "HEAD", "", "main"):
        assert "has no commit" in read(Span("x", name, head(sample)))["missing"]


def test_long_diffs_are_cut_and_a_transcript_takes_so_many(sample: Sample) -> None:
    base = head(sample)
    sample.commit("large", **{"large.txt": "a line\n" * 40_000})
    diffs = Diffs(sample.repo.git, DISCREET, longest=1000, most=1500)
    sizes = [diffs.read(Span("merged", base, head(sample))) for _ in range(3)]
    assert [len(each.get("patch", {"text": ""})["text"]) for each in sizes] == [1000, 500, 0]
    assert sizes[0]["patch"]["left_out"] > 300_000
    assert sizes[2]["missing"] == "the transcript is full of diffs"
    assert sizes[2]["insertions"] == 40_000


def test_no_program_of_the_repository_is_run_for_a_diff(sample: Sample, tmp_path: Path) -> None:
    """Red without `--no-ext-diff` and `--no-textconv`."""
    base, trap = head(sample), tmp_path / "sprung"
    sample.commit("attributes", **{".gitattributes": "*.txt diff=trap\n", "a.txt": "changed\n"})
    for name in ("command", "textconv"):
        sample.git("config", f"diff.trap.{name}", f"touch {trap}; cat")
    sample.git("config", "diff.external", f"touch {trap}")
    told = Diffs(sample.repo.git, DISCREET).read(Span("merged", base, head(sample)))
    assert "+changed" in told["patch"]["text"]
    assert not trap.exists()


def test_bytes_that_are_no_text_are_replaced(sample: Sample) -> None:
    base = head(sample)
    (sample.path / "odd.txt").write_bytes(b"caf\xe9\n")
    sample.git("add", "-A")
    sample.git("commit", "-qm", "odd")
    told = Diffs(sample.repo.git, DISCREET).read(Span("merged", base, head(sample)))
    assert "+caf\ufffd" in told["patch"]["text"]
