from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from workspace.sample import Sample

from maestro_ray.errors import GitFailed, NotFound, UsageError
from maestro_ray.extensions.source import Source, beside, fetch, read_source
from maestro_ray.workspace.git import Git

from .trees import write


@pytest.mark.parametrize(
    ("text", "place", "ref"),
    [
        ("https://x.example/a/b.git", "https://x.example/a/b.git", ""),
        ("https://x.example/a/b.git@v1.0", "https://x.example/a/b.git", "v1.0"),
        ("ssh://git@x.example:22/a/b@feature/x", "ssh://git@x.example:22/a/b", "feature/x"),
        ("git@x.example:a/b.git", "git@x.example:a/b.git", ""),
        ("git@x.example:a/b.git@main", "git@x.example:a/b.git", "main"),
        ("owner/repo", "https://github.com/owner/repo", ""),
        ("owner/repo@v2", "https://github.com/owner/repo", "v2"),
    ],
)
def test_every_form_of_an_address(tmp_path: Path, text: str, place: str, ref: str) -> None:
    assert read_source(text, tmp_path) == Source(place, ref)
    assert not Source(place, ref).local


def test_a_directory_comes_before_github(tmp_path: Path) -> None:
    write(tmp_path, {"owner/repo/x": "", "a@b/x": ""})
    assert read_source("owner/repo", tmp_path) == Source(str(tmp_path / "owner/repo"))
    assert read_source("./owner/repo@v1", tmp_path) == Source(str(tmp_path / "owner/repo"), "v1")
    assert read_source("a@b", tmp_path) == Source(str(tmp_path / "a@b"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is no source"),
        ("--upload-pack=touch x", "is no source"),
        ("x" * 400, "is no source"),
        ("ext::sh -c touch% x", "is no source"),
        ("http://x.example/a", "is no source"),
        ("git://x.example/a", "is no source"),
        ("git@x.example:-oProxyCommand=x", "is no source"),
        ("ssh://-oProxyCommand=x/a@..", "is no branch, tag or commit"),
        ("owner/repo@--upload-pack=x", "is no branch, tag or commit"),
        ("owner/repo@a..b", "is no branch, tag or commit"),
        ("https://user:s3cret@x.example/a", "the address holds a name, a password or a query"),
        ("https://x.example/a?token=s3cret", "the address holds a name, a password or a query"),
    ],
)
def test_what_is_no_source_is_said(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as refused:
        read_source(text, tmp_path)
    assert "s3cret" not in str(refused.value)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"there is no directory './none'"):
        read_source("./none", tmp_path)


def test_a_marketplace_names_no_directory_of_this_machine(tmp_path: Path) -> None:
    assert beside(Source("/m"), "owner/repo", "v1") == Source("https://github.com/owner/repo", "v1")
    with pytest.raises(UsageError, match="names the directory"):
        beside(Source("/m"), str(tmp_path), "")


def test_a_repository_is_read_at_a_branch_tag_or_commit(sample: Sample) -> None:
    first = sample.commit("first", **{"a b": "1", "sub/ü": "ü\n"})
    sample.git("tag", "v1")
    second = sample.commit("second", **{"a b": "2"})
    sample.write("a b", "not committed")
    for ref, commit, text in (
        ("", second, b"2"),
        ("v1", first, b"1"),
        ("main", second, b"2"),
        (first, first, b"1"),
        (first[:9], first, b"1"),
    ):
        found = fetch(Source(str(sample.path), ref), Git)
        assert (found.commit, found.files["a b"].data) == (commit, text)
    assert found.files["sub/ü"].data == "ü\n".encode()
    with pytest.raises(GitFailed):
        fetch(Source(str(sample.path), "nowhere"), Git)


def test_a_plain_directory_is_read_as_it_is(tmp_path: Path) -> None:
    write(tmp_path, {"a": "1"})
    found = fetch(Source(str(tmp_path)), Git)
    assert (found.commit, sorted(found.files)) == ("", ["a"])


def test_links_and_modes_come_as_git_keeps_them(sample: Sample) -> None:
    (sample.path / "link").symlink_to("run")
    sample.write("run", "#!/bin/sh\n").chmod(0o755)
    sample.commit("both")
    files = fetch(Source(str(sample.path)), Git).files
    assert files["run"] == files["link"]
    assert files["run"].executable
    (sample.path / "out").symlink_to("../../../etc/passwd")
    sample.commit("out")
    with pytest.raises(ValueError, match="out is a link that leads out of it"):
        fetch(Source(str(sample.path)), Git)


def test_a_path_that_git_can_hold_and_leads_out_is_refused(sample: Sample) -> None:
    """No checkout would make such a file; here nothing but our own check stands before it."""
    blob = sample.git("hash-object", "-w", "--stdin", "-t", "blob")
    raw = b"100644 evil\0" + bytes.fromhex(blob)

    def tree(content: bytes) -> str:
        made = subprocess.run(
            ["git", "hash-object", "-t", "tree", "-w", "--literally", "--stdin"],
            cwd=sample.path, input=content, capture_output=True, check=True,
        )  # fmt: skip
        return made.stdout.decode().strip()

    top = tree(b"40000 ..\0" + bytes.fromhex(tree(raw)))
    commit = sample.git("commit-tree", "-m", "x", top)
    sample.git("update-ref", "refs/heads/evil", commit)
    with pytest.raises((ValueError, GitFailed), match=r"leads out of it|fsck|hasDotdot"):
        fetch(Source(str(sample.path), "evil"), Git)


def test_nothing_of_a_repository_is_run(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither its filters, which a checkout would run where the person has configured them, nor a template's hooks."""
    ran = tmp_path / "ran"
    write(
        tmp_path,
        {
            "gitconfig": f'[filter "x"]\n\tsmudge = touch {ran}; cat\n[init]\n\ttemplateDir = {tmp_path}/t\n',
            "t/hooks/post-checkout": f"#!/bin/sh\ntouch {ran}\n",
            "t/hooks/reference-transaction": f"#!/bin/sh\ntouch {ran}\n",
        },
    )
    for each in (tmp_path / "t/hooks").iterdir():
        each.chmod(0o755)
    sample.commit("filtered", **{".gitattributes": "* filter=x\n", "a": "1"})
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    assert fetch(Source(str(sample.path)), Git).files["a"].data == b"1"
    assert not ran.exists()


def test_no_protocol_that_runs_a_program_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the person's own configuration allows: `_ENVIRONMENT` says which there are."""
    (tmp_path / "gitconfig").write_text("[protocol]\n\tallow = always\n")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    with pytest.raises(GitFailed, match="transport 'ext' not allowed"):
        fetch(Source(f"ext::sh -c touch% {tmp_path}/ran"), Git)
    assert not (tmp_path / "ran").exists()


def test_a_submodule_is_refused(sample: Sample) -> None:
    head = sample.sha("HEAD")
    sample.git("update-index", "--add", "--cacheinfo", f"160000,{head},sub")
    sample.git("commit", "-q", "-m", "sub")
    with pytest.raises(ValueError, match="sub is a submodule"):
        fetch(Source(str(sample.path)), Git)


def test_files_are_counted_before_they_are_listed(
    sample: Sample, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maestro_ray.extensions.source.MOST_FILES", 2)
    asked: list[str] = []

    class Listened(Git):
        def run(self, *args: str, **more: Any) -> str:
            asked.append(args[0])
            return super().run(*args, **more)

    with pytest.raises(ValueError, match="more than 2 files"):
        fetch(Source(str(sample.path)), Listened)
    assert asked == ["init", "fetch", "rev-parse", "rev-parse", "cat-file"]
