from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maestro_ray.errors import UsageError
from maestro_ray.workspace.refs import branch_ref, check_commit, check_ref, loose, nothing

from .sample import Sample


def git_takes(name: str) -> bool:
    command = ["git", "check-ref-format", "--allow-onelevel", name]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def we_take(name: str) -> bool:
    try:
        return check_ref(name) == name
    except UsageError:
        return False


@pytest.mark.parametrize(
    "name", ["main", "epic/a-1", "feature/ü", "refs/heads/x", "a@b", "v1.0", "HEAD", "a/-b", "@a"]
)
def test_good_names(name: str) -> None:
    assert check_ref(name) == name


DASHES_AND_DOTS = ["", "-x", "--upload-pack=x", ".a", "a/.b", "a..b", "a.", "a.lock", "a.lock/b"]
SIGNS = [
    "a b",
    "a~1",
    "a^",
    "a:b",
    "a?",
    "a*",
    "a[",
    "/a",
    "a/",
    "a//b",
    "a@{1}",
    "@",
    "a\\b",
    "a\nb",
    "a\x7f",
]


@pytest.mark.parametrize("name", DASHES_AND_DOTS + SIGNS)
def test_bad_names(name: str) -> None:
    with pytest.raises(UsageError):
        check_ref(name)


pieces = st.sampled_from([*"aZ./-@{}~^:?*[\\ \n\x7fü", "..", ".lock", "@{", "//", "refs/heads/"])


@settings(max_examples=150, deadline=None)
@given(st.lists(pieces, min_size=1, max_size=6).map("".join))
def test_we_and_git_agree(name: str) -> None:
    assert we_take(name) == (git_takes(name) and not name.startswith("-"))


def test_a_branch_ref_is_made_once() -> None:
    assert branch_ref("main") == branch_ref("refs/heads/main") == "refs/heads/main"
    for bad in ("HEAD", "-f", "refs/heads/-f", ""):
        with pytest.raises(UsageError):
            branch_ref(bad)


@pytest.mark.parametrize(
    "sha", ["", "abc123", "g" * 40, "A" * 40, "a" * 41, "HEAD", "--all", "a" * 40 + "\n"]
)
def test_only_a_full_hash_names_a_commit(sha: str) -> None:
    with pytest.raises(UsageError):
        check_commit(sha)


def test_both_hash_lengths() -> None:
    for length in (40, 64):
        assert check_commit("a" * length) == "a" * length
        assert nothing("a" * length) == "0" * length


def test_a_ref_with_a_file_of_its_own_is_read_from_it(sample: Sample) -> None:
    common = sample.repo.git_common_dir
    assert loose(common, "refs/heads/main") == sample.sha("main")


def test_any_other_ref_is_for_git_to_read(sample: Sample) -> None:
    common = sample.repo.git_common_dir
    sample.git("symbolic-ref", "refs/heads/alias", "refs/heads/main")
    sample.git("branch", "packed")
    sample.git("branch", "linked")
    sample.git("pack-refs", "--all")
    (common / "refs/heads/linked").symlink_to(sample.path / "a.txt")
    (common / "refs/heads/garbage").write_bytes(b"\xff\xfe")
    for name in ("alias", "packed", "linked", "garbage", "missing", "missing/too"):
        assert loose(common, f"refs/heads/{name}") == ""
