from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from maestro_ray.errors import BadRemote
from maestro_ray.workspace.remote import parse_remote, project_key
from maestro_ray.workspace.repo import Repo

from .sample import Sample

KEYS = [
    # GitHub, in every form
    ("https://github.com/owner/repo.git", "github:owner/repo"),
    ("https://github.com/owner/repo", "github:owner/repo"),
    ("https://github.com/owner/repo/", "github:owner/repo"),
    ("https://www.github.com/owner/repo.git/", "github:owner/repo"),
    ("http://GitHub.com:80/Owner/Repo.git", "github:Owner/Repo"),
    ("https://user:t0ken@github.com/owner/repo.git", "github:owner/repo"),
    ("https://x-access-token:ghs_abc@github.com/owner/repo", "github:owner/repo"),
    ("https://github.com/owner/repo.git?token=t0ken#frag", "github:owner/repo"),
    ("git@github.com:owner/repo.git", "github:owner/repo"),
    ("github.com:owner/repo", "github:owner/repo"),
    ("git@github.com:/owner/repo.git", "github:owner/repo"),
    ("ssh://git@github.com/owner/repo.git", "github:owner/repo"),
    ("ssh://git@ssh.github.com:443/owner/repo.git", "github:owner/repo"),
    ("git+ssh://git@github.com/owner/repo.git", "github:owner/repo"),
    ("git://github.com/owner/repo.git", "github:owner/repo"),
    ("HTTPS://github.com/owner/repo.name.git", "github:owner/repo.name"),
    ("  git@github.com:owner/repo.git\n", "github:owner/repo"),
    # GitLab with nested groups
    ("https://gitlab.com/group/sub/deeper/repo.git", "gitlab:group/sub/deeper/repo"),
    ("git@gitlab.com:group/sub/repo.git", "gitlab:group/sub/repo"),
    ("ssh://git@altssh.gitlab.com:443/group/repo.git", "gitlab:group/repo"),
    # Bitbucket, its servers
    ("https://me@bitbucket.org/team/repo.git", "bitbucket:team/repo"),
    ("git@bitbucket.org:team/repo.git", "bitbucket:team/repo"),
    ("https://bitbucket.example.com/scm/proj/repo.git", "bitbucket.example.com:proj/repo"),
    ("ssh://git@bitbucket.example.com:7999/proj/repo.git", "bitbucket.example.com:proj/repo"),
    # Azure DevOps, four generations of it
    ("https://org@dev.azure.com/org/My%20Project/_git/repo", "azure:org/My Project/repo"),
    ("git@ssh.dev.azure.com:v3/org/project/repo", "azure:org/project/repo"),
    ("https://org.visualstudio.com/DefaultCollection/project/_git/repo", "azure:org/project/repo"),
    ("https://org.visualstudio.com/_git/repo", "azure:org/repo/repo"),
    ("https://dev.azure.com/org/_git/repo", "azure:org/repo/repo"),
    ("org@vs-ssh.visualstudio.com:v3/org/project/repo", "azure:org/project/repo"),
    # others that have a name, and hosts that stand for themselves
    ("https://git.sr.ht/~user/repo", "sourcehut:~user/repo"),
    ("git@git.sr.ht:~user/repo", "sourcehut:~user/repo"),
    ("https://codeberg.org/owner/repo.git", "codeberg:owner/repo"),
    ("https://git.example.com:8443/owner/repo.git", "git.example.com:owner/repo"),
    ("ssh://git@git.example.com:2222/~me/repo.git", "git.example.com:~me/repo"),
    ("gitea@Git.Example.com.:owner/repo.git", "git.example.com:owner/repo"),
    ("[git@example.com:2222]:owner/repo", "example.com:owner/repo"),
    ("http://localhost:3000/owner/repo", "localhost:owner/repo"),
    ("ssh://git@[2001:db8::1]:22/owner/repo.git", "[2001:db8::1]:owner/repo"),
    ("git@[::1]:owner/repo.git", "[::1]:owner/repo"),
    ("git@work:repo.git", "work:repo"),
    ("codecommit://profile@repo", "codecommit:repo"),
    ("codecommit::eu-west-1://profile@repo", "codecommit:eu-west-1/repo"),
    # files
    ("/srv/git/repo.git", "file:srv/git/repo"),
    ("file:///srv/git/repo.git", "file:srv/git/repo"),
    ("file:///home/me/project/.git", "file:home/me/project"),
    ("file://localhost/srv/my%20repo", "file:srv/my repo"),
    ("file://nas/share/repo.git", "file:nas/share/repo"),
    ("/srv/a:b/me@home/repo", "file:srv/a:b/me@home/repo"),
    ("./a:b/repo", "file:a:b/repo"),
    ("C:\\work\\repo.git", "file:C:/work/repo"),
]


@pytest.mark.parametrize(("url", "key"), KEYS)
def test_every_form_of_address(url: str, key: str) -> None:
    assert parse_remote(url) == key


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "https://",
        "https://github.com",
        "https://github.com/",
        "https://github.com/.git",
        "https:///owner/repo",
        "git@:owner/repo",
        "https://github.com/../../etc/passwd",
        "https://github.com/%2e%2e/x",
        "https://github.com/a\nb/c",
        "https://github.com/a%0ab/c",
        "https://me:pa/ss@github.com/owner/repo",
        "https://me:12/ss@github.com/owner/repo",
        "me:secret@github.com:owner/repo",
        "//me:secret@github.com/owner/repo",
        "https:/me:secret@github.com/owner/repo",
        "file://me:s/ecret@nas/repo",
        "ext::sh -c 'echo %S'",
        "/",
        "\udcff/x",
    ],
)
def test_what_names_no_project_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(BadRemote) as caught:
        parse_remote(url)
    assert "secret" not in f"{caught.value}{caught.value.hint}"


@given(st.text())
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        key = parse_remote(text)
    except BadRemote:
        return
    assert key.encode("utf-8")
    assert not any(ord(character) < 32 for character in key)


SECRET = "Zq7Zq7"
ends = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=6)
password = st.tuples(ends, ends).map(lambda ends: SECRET.join(ends))
shapes = st.sampled_from(
    [
        "https://{0}:{1}@github.com/owner/repo.git",
        "https://{1}@host.example:8443/owner/repo",
        "ssh://{0}:{1}@host/owner/repo",
        "ftp://{1}:@host/owner/repo",
        "{0}:{1}@github.com:owner/repo",
        "{1}@github.com:owner/repo",
        "//{0}:{1}@host/owner/repo",
        "https:/{0}:{1}@host/owner/repo",
        "file://{0}:{1}@host/owner/repo",
        "helper::https://{0}:{1}@host/owner/repo",
        "https://host/owner/repo?access_token={1}",
    ]
)


@given(shapes, st.sampled_from(["me", "x-oauth", "a.b"]), password)
def test_user_information_is_never_kept(shape: str, user: str, secret: str) -> None:
    assume(not (shape.startswith("{1}") and secret.startswith("/")))  # git would read a path
    try:
        said = parse_remote(shape.format(user, secret))
    except BadRemote as refused:
        said = f"{refused}{refused.hint}"
    assert SECRET not in said


def test_the_key_of_a_repository_is_that_of_origin(sample: Sample) -> None:
    sample.git("remote", "add", "upstream", "https://github.com/other/repo")
    sample.git("remote", "add", "origin", "https://me:secret@gitlab.com/group/sub/repo.git")
    assert project_key(Repo.open(sample.path), "m1") == "gitlab:group/sub/repo"


def test_rewritten_addresses_count_as_what_they_become(sample: Sample) -> None:
    sample.git("config", "url.https://github.com/.insteadOf", "gh:")
    sample.git("remote", "add", "origin", "gh:owner/repo")
    assert project_key(Repo.open(sample.path), "m1") == "github:owner/repo"


def test_a_relative_origin_is_read_from_the_repository(sample: Sample, tmp_path: Path) -> None:
    sample.git("remote", "add", "origin", "../remote.git")
    parts = (tmp_path / "remote").parts[1:]
    assert project_key(Repo.open(sample.path), "m1") == f"file:{'/'.join(parts)}"


def test_without_origin_the_key_is_local_and_the_same_in_every_worktree(
    sample: Sample, tmp_path: Path
) -> None:
    key = project_key(Repo.open(sample.path), "m1")
    assert key == f"local:m1/project-{hashlib.sha256(os.fsencode(sample.path)).hexdigest()[:6]}"
    sample.git("worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    (sample.path / "sub").mkdir()
    assert (
        project_key(Repo.open(tmp_path / "linked"), "m1")
        == project_key(Repo.open(sample.path / "sub"), "m1")
        == key
    )
    assert project_key(Repo.open(Sample.make(tmp_path / "x" / "project").path), "m1") != key
    assert project_key(Repo.open(sample.path), "m2") != key


def test_an_origin_without_address_is_none(sample: Sample) -> None:
    sample.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    assert project_key(Repo.open(sample.path), "m1").startswith("local:m1/project-")


def test_a_strange_directory_name_makes_a_plain_key(tmp_path: Path) -> None:
    sample = Sample.make(tmp_path / "my\nnew:project é")
    assert project_key(Repo.open(sample.path), "m1").rpartition("-")[0] == "local:m1/my_new_project é"
