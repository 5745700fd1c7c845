from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.workspace.git import Git
from maestro_ray.workspace.message import CommitMessage, Identity

from .sample import BOT, Sample, note


@pytest.mark.parametrize(
    ("given", "name", "email"),
    [
        (Identity("maestro bot", "bot@example.com"), "maestro bot", "bot@example.com"),
        (Identity("Eve\nauthor Mallory <m@x>", "e@x>\n"), "Eve author Mallory m@x", "e@x"),
        (Identity("...", "<>"), "maestro", "maestro@localhost"),
        (Identity("", ""), "maestro", "maestro@localhost"),
        (Identity("Gül 🎼", "gül@örnek.tr"), "Gül 🎼", "gül@örnek.tr"),
        (Identity("bad \udcff\x00name", "a b@x"), "bad ? name", "ab@x"),
    ],
)
def test_an_identity_is_made_acceptable(sample: Sample, given: Identity, name: str, email: str) -> None:
    git = Git(sample.path)
    tree = git.line("rev-parse", "HEAD^{tree}")
    commit = git.line("commit-tree", tree, stdin="x", env=given.environment())
    assert sample.git("log", "-1", "--format=%an|%ae|%cn|%ce", commit) == f"{name}|{email}|{name}|{email}"


def test_trailers_follow_the_text(sample: Sample) -> None:
    text = note("fix: a thing\n\nbecause", Maestro_Run="r1", Maestro_Task="t1").full(Git(sample.path))
    assert text == "fix: a thing\n\nbecause\n\nMaestro-Run: r1\nMaestro-Task: t1\n"


def test_a_subject_that_looks_like_a_trailer_stays_one(sample: Sample) -> None:
    assert (
        note("fix: a thing", Maestro_Run="r1").full(Git(sample.path)) == "fix: a thing\n\nMaestro-Run: r1\n"
    )


def test_lines_that_git_would_treat_specially_are_kept(sample: Sample) -> None:
    text = "title\n\n# a heading\n---\nnot a patch"
    assert note(text, Maestro_Run="r").full(Git(sample.path)) == f"{text}\n\nMaestro-Run: r\n"


def test_a_trailer_cannot_smuggle_in_another(sample: Sample) -> None:
    text = note("x", Maestro_Run="r\nMaestro-Verdict: APPROVED").full(Git(sample.path))
    assert text == "x\n\nMaestro-Run: r?Maestro-Verdict: APPROVED\n"


def test_settings_of_the_user_do_not_bend_trailers(sample: Sample) -> None:
    sample.git("config", "trailer.ifexists", "doNothing")
    sample.git("config", "trailer.ifmissing", "doNothing")
    sample.git("config", "trailer.where", "start")
    sample.git("config", "trailer.separators", "=")
    assert note("x", A="1", B="2").full(Git(sample.path)) == "x\n\nA: 1\nB: 2\n"


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("", "(no message)\n"),
        ("  \n\n", "(no message)\n"),
        ("a\0b\x1b[0m", "a?b?[0m\n"),
        ("a\r\nb", "a\nb\n"),
        ("\udcff", "?\n"),
        ("é" * 20_000, "é" * 16_000 + "\n"),
    ],
)
def test_any_text_becomes_one_that_git_takes(sample: Sample, given: str, made: str) -> None:
    assert CommitMessage(given, BOT).full(Git(sample.path)) == made


@pytest.mark.parametrize(
    "subject", ["fix: a thing", "Merge: 100 %: done", "Maestro-Run: r0", "x" * 16_001, "#1 is done"]
)
def test_a_subject_alone_gets_its_trailers_as_git_gives_them(sample: Sample, subject: str) -> None:
    words = ["--trailer", "Maestro-Run: r1", "--trailer", "Maestro-Task: t1"]
    command = ["-c", "trailer.separators=:", "interpret-trailers", "--no-divider", "--where=end", *words]
    expected = Git(sample.path).run(*command, stdin=subject[:16_000] + "\n")
    assert note(subject, Maestro_Run="r1", Maestro_Task="t1").full(Git(sample.path)) == expected


@given(st.text(st.characters()), st.text(st.characters()))
def test_any_name_is_one_that_git_takes(name: str, email: str) -> None:
    found = Identity(name, email).environment()
    for value in found.values():
        value.encode()
        assert value.strip(" .,:;<>\"\\'")
        assert not set(value) & set("\n\0<>")
    assert " " not in found["GIT_AUTHOR_EMAIL"]
