from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.silence import BETWEEN, LONGEST_LINE, Quiet, Silence, last_line, sentence, span

TEAM = ["dev-1", "dev-2", "review-1"]


def at_work(**runs: str) -> Silence:
    silence = Silence(45)
    silence.works({name.replace("_", "-"): run for name, run in runs.items()}, 100.0)
    return silence


def test_who_says_nothing_for_long_is_silent_since_it_began_or_spoke() -> None:
    silence = at_work(dev_1="r1", dev_2="r2")
    silence.heard("dev-2", "reading\nthe \x1b[2Jtests\n\n", 120.0)
    assert silence.silent(144.9) == {}
    assert silence.silent(145.0) == {"dev-1": Quiet(100.0)}
    assert list(silence.silent(170.0).items()) == [
        ("dev-1", Quiet(100.0)), ("dev-2", Quiet(120.0, "the [2Jtests")),
    ]  # fmt: skip


def test_who_speaks_ends_or_begins_another_run_is_silent_no_longer() -> None:
    silence = at_work(dev_1="r1", dev_2="r2", review_1="r3")
    silence.heard("dev-1", "here", 150.0)
    silence.works({"dev-1": "r1", "review-1": "r4"}, 150.0)
    assert silence.silent(151.0) == {}
    assert list(silence.silent(195.0)) == ["dev-1", "review-1"]


def test_who_waits_for_a_limit_is_not_silent_until_it_has_spoken_again() -> None:
    silence = at_work(dev_1="r1")
    silence.rests("dev-1", "r1")
    assert silence.silent(1000.0) == {}
    silence.heard("dev-1", "back", 1000.0)
    assert silence.silent(1045.0) == {"dev-1": Quiet(1000.0, "back")}
    silence.rests("dev-1", "r1")
    silence.works({"dev-1": "r2"}, 2000.0)
    assert list(silence.silent(2045.0)) == ["dev-1"]
    silence.rests("dev-1", "r2")
    silence.works({}, 2050.0)
    silence.works({"dev-1": "r2"}, 2060.0)
    assert list(silence.silent(2105.0)) == ["dev-1"], "the same run, given to it once more"


def test_who_met_a_limit_before_it_was_known_to_be_at_work_is_not_silent_either() -> None:
    """Red (who is refused at once is called silent through its whole pause) when only who is known can rest."""
    silence = at_work()
    silence.rests("dev-1", "r1")
    silence.works({"dev-1": "r1"}, 105.0)
    assert silence.silent(1000.0) == {}
    silence.heard("dev-1", "", 1000.0)
    assert silence.silent(1045.0) == {"dev-1": Quiet(1000.0)}


def test_a_digest_says_who_is_silent_and_who_is_idle_once() -> None:
    silence = at_work(dev_1="r1", dev_2="r2")
    silence.heard("dev-2", "compiling", 100.0)
    assert silence.digest(TEAM, 120.0) == ""
    text = "dev-1 is silent for 45 s. dev-2 is silent for 45 s; last: compiling. Idle: review-1"
    assert silence.digest(TEAM, 145.0) == text
    assert silence.digest(TEAM, 146.0) == ""
    assert silence.digest(TEAM, 9000.0) == ""


def test_a_digest_comes_at_most_once_a_minute_and_is_not_lost() -> None:
    """Red without BETWEEN, and red when what came too soon is taken for told."""
    silence = at_work(dev_1="r1", dev_2="r2")
    silence.heard("dev-2", "x", 110.0)
    assert silence.digest(TEAM, 145.0).startswith("dev-1 is silent")
    assert silence.digest(TEAM, 155.0) == ""
    assert "dev-2 is silent for 1 min 35 s" in silence.digest(TEAM, 145.0 + BETWEEN)
    assert silence.digest(TEAM, 145.0 + 2 * BETWEEN) == ""


def test_who_speaks_and_falls_silent_again_is_news_again() -> None:
    silence = at_work(dev_1="r1")
    assert silence.digest(TEAM, 145.0)
    silence.heard("dev-1", "x", 300.0)
    assert silence.digest(TEAM, 301.0) == ""
    assert silence.digest(TEAM, 345.0) == "dev-1 is silent for 45 s; last: x. Idle: dev-2, review-1"


@given(st.lists(st.tuples(st.sampled_from("hwd"), st.sampled_from(TEAM), st.floats(0, 100))))
def test_no_two_digests_are_nearer_than_a_minute_nor_the_same(steps: list[tuple[str, str, float]]) -> None:
    silence, now, said = Silence(45), 0.0, []
    for do, worker, wait in steps:
        now += wait
        if do == "h":
            silence.heard(worker, "x", now)
        elif do == "w":
            silence.works({worker: f"run-{now}"}, now)
        elif text := silence.digest(TEAM, now):
            said.append((now, silence.silent(now)))
            assert text
    assert all(later - earlier >= BETWEEN for (earlier, _), (later, _) in pairwise(said))
    assert all(before != after for (_, before), (_, after) in pairwise(said))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(45, "45 s"), (60, "1 min"), (80, "1 min 20 s"), (3600, "1 h"), (7380.9, "2 h 3 min"), (-1, "0 s")],
)
def test_an_age_in_words(seconds: float, words: str) -> None:
    assert span(seconds) == words
    assert sentence(seconds, "") == f"silent for {words}"
    assert sentence(seconds, "x") == f"silent for {words}; last: x"


@given(st.text())
def test_a_last_line_is_one_short_line(text: str) -> None:
    line = last_line(text)
    assert len(line) <= LONGEST_LINE
    assert len(line.splitlines()) <= 1


def test_what_was_said_before_it_was_known_to_be_at_work_is_its_last_line() -> None:
    silence = Silence(10.0)
    silence.heard("dev-1", "reading\nthe tests\n", 0.0, "one")
    silence.heard("dev-2", "of another run", 0.0, "zero")
    silence.works({}, 0.5)
    silence.works({"dev-1": "one", "dev-2": "two"}, 1.0)
    assert {name: quiet.last for name, quiet in silence.silent(20.0).items()} == {
        "dev-1": "the tests",
        "dev-2": "",
    }
