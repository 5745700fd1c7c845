"""What each role may do, as a plain value."""

from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.agent.box import KEYS, Bench, box_for, seen_anyway

ROOT = Path("/srv/home")
BENCH = Bench(ROOT / "tree", ROOT / "scratch", Path("/repo/.git/worktrees/dev-1"), Path("/repo/.git"))
OWN = Bench(Path("/repo"), ROOT / "scratch", Path("/repo/.git"), Path("/repo/.git"))


@pytest.mark.parametrize(
    ("purpose", "writable"),
    [
        ("review", [BENCH.scratch]),
        ("plan", [BENCH.scratch]),
        ("test", [BENCH.scratch, BENCH.worktree]),
        ("execute", [BENCH.scratch, BENCH.worktree, BENCH.git_dir]),
    ],
)
def test_what_a_purpose_may_change(purpose: str, writable: list[Path]) -> None:
    box = box_for(BENCH, purpose, state=[ROOT], person=Path("/home/ada"))
    assert list(box.writable) == writable
    assert BENCH.worktree / ".git" in box.sealed
    assert BENCH.common_dir in box.readable
    assert box.hidden == (ROOT, *(Path("/home/ada") / name for name in KEYS))


def test_who_develops_cannot_say_which_repository_it_is() -> None:
    sealed = box_for(BENCH, "execute", state=[], person=ROOT).sealed
    assert {BENCH.git_dir / "commondir", BENCH.git_dir / "gitdir", BENCH.git_dir / "config.worktree"} < {
        *sealed
    }


def test_a_persons_own_checkout_is_no_worktree_of_a_developer() -> None:
    box = box_for(OWN, "execute", state=[], person=ROOT)
    assert box.writable == (OWN.scratch, OWN.worktree)
    assert box.sealed == (OWN.worktree / ".git",)


def test_what_is_named_in_a_private_place_is_seen(tmp_path: Path) -> None:
    assert tmp_path.is_relative_to("/tmp")
    script, program = tmp_path / "dev.sh", tmp_path / "venv" / "bin"
    script.touch()
    program.mkdir(parents=True)
    (program / "python").touch()
    words = [
        "sh",
        str(program / "python"),
        str(script),
        str(tmp_path),
        str(tmp_path / "missing"),
        "/etc/passwd",
        "dev.sh",
    ]
    assert seen_anyway(words, f"/usr/bin:{program}:relative", [tmp_path / "ours", Path("/usr")]) == (
        program.parent,
        tmp_path / "ours",
        script,
    )


def test_an_entry_of_path_never_opens_the_whole_private_place() -> None:
    assert seen_anyway([], "/tmp/bin:/tmp:/var/tmp/bin", []) == ()


@pytest.mark.parametrize("place", ["closed/tokens.json", "link"])
def test_a_word_opens_nothing_that_is_closed(tmp_path: Path, place: str) -> None:
    """Also where the state directory lies in a private place."""
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "tokens.json").write_text("secret")
    (tmp_path / "link").symlink_to(closed / "tokens.json")
    words = ["cat", str(tmp_path / place)]
    assert seen_anyway(words, "", []) == (tmp_path / place,)
    assert seen_anyway(words, "", [], [closed]) == ()
