from __future__ import annotations

from workspace.sample import Sample

from maestro_ray.analysis.hot_files import HotFile, hot_files


def test_files_with_most_changes_that_are_still_there(sample: Sample) -> None:
    for number in range(3):
        sample.commit(
            f"c{number}", **{"b.txt": str(number), "new\nline": str(number), "gone.txt": str(number)}
        )
    sample.git("rm", "-q", "gone.txt")
    head = sample.commit("last", **{"a.txt": "x"})
    present = {"a.txt", "b.txt", "new\nline", ".gitignore"}
    assert hot_files(sample.repo.git, head, present) == [
        HotFile("b.txt", 4, 1), HotFile("new\nline", 3, 1), HotFile("a.txt", 2, 1),
    ]  # fmt: skip
    assert hot_files(sample.repo.git, head, present, most=1) == [HotFile("b.txt", 4, 1)]
    first = sample.git("rev-list", "--max-parents=0", "HEAD")
    assert hot_files(sample.repo.git, first, present) == []
