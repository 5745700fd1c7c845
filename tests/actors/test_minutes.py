"""The minutes of a channel: what says it all says it all, at whatever moment it is written."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.actors import minutes as module
from maestro_ray.actors.minutes import OPERATOR, SAID, Minutes
from maestro_ray.errors import IllegalEvent
from maestro_ray.journal import WHOLE, Entry
from maestro_ray.model import steering

NAMES = ("dev-1", "dev-2", "review-1")
IDS = st.sampled_from([f"d{n}" for n in range(5)])
HOW = st.sampled_from([str(how) for how in steering.How])
WORKERS = st.lists(st.sampled_from(NAMES), unique=True)

SPOKEN = st.one_of(
    st.tuples(st.just(OPERATOR), st.just("directive"), st.fixed_dictionaries({"id": IDS, "text": st.text(), "workers": WORKERS})),
    st.tuples(st.just(OPERATOR), st.just("cleared"), st.fixed_dictionaries({"id": st.uuids().map(str), "directives": st.lists(IDS)})),
    st.tuples(st.just(OPERATOR), st.just("cleared"), st.fixed_dictionaries({"id": st.uuids().map(str)})),
    st.tuples(st.just(""), st.just("accepted"), st.fixed_dictionaries({"directive": IDS, "worker": st.sampled_from(NAMES)})),
    st.tuples(st.sampled_from(NAMES), st.just("receipt"),
              st.fixed_dictionaries({"directive": IDS, "worker": st.sampled_from(NAMES), "how": HOW})),
    st.tuples(st.sampled_from(NAMES), st.sampled_from(sorted(SAID)), st.fixed_dictionaries({"id": st.uuids().map(str)})),
)  # fmt: skip


def spoken(words: list[tuple[str, str, Any]]) -> list[Entry]:
    """As far as a channel would have written it: it asks the state machine first."""
    minutes, entries = Minutes(), []
    for sender, kind, body in words:
        entry = Entry(len(entries) + 1, sender, kind, body, float(len(entries)))
        if kind == "directive" and body["id"] in minutes.heard:
            continue
        try:
            minutes.apply(entry)
        except IllegalEvent:
            continue
        entries.append(entry)
    return entries


def state(minutes: Minutes) -> Any:
    directives = [asdict(each) for each in minutes.directives.values()]
    return directives, list(minutes.heard.items()), list(minutes.posted.items()), minutes.cleared


def replayed(entries: list[Entry]) -> Minutes:
    minutes = Minutes()
    for entry in entries:
        minutes.apply(entry)
    return minutes


def condensed(entries: list[Entry], at: int, first: int) -> list[Entry]:
    """The journal when it was condensed after so many entries, and those from `first` on were left."""
    whole = json.loads(json.dumps(replayed(entries[:at]).whole()))
    said = Entry(at + 1, "", WHOLE, whole, 0.0)
    after = [
        Entry(entry.number + 1, entry.sender, entry.kind, entry.body, entry.at) for entry in entries[at:]
    ]
    return [*(entry for entry in entries[:at] if entry.number >= first), said, *after]


@given(st.lists(SPOKEN, max_size=40), st.integers(0, 40), st.integers(1, 41))
def test_condensed_at_any_moment_it_is_the_same(words: list[Any], at: int, first: int) -> None:
    """Red when `whole` leaves anything out, for example the receipts or the numbers of what was posted."""
    entries = spoken(words)
    at = min(at, len(entries))
    late = [entry for entry in entries[at:] if "id" in entry.body]
    plain, short = replayed(entries), replayed(condensed(entries, at, first))
    moved = {entry.body["id"]: entry.number + 1 for entry in late}
    expected = state(plain)
    for known in expected[1:3]:
        known[:] = [(identifier, moved.get(identifier, number)) for identifier, number in known]
    cleared = expected[3] + 1 if expected[3] > at else expected[3]
    assert state(short) == (*expected[:3], cleared)


def test_only_what_was_said_last_is_remembered_when_it_is_condensed_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "REMEMBERED", 3)
    entries = [Entry(n, "dev-1", "said", {"id": f"m{n}"}, 0.0) for n in range(1, 10)]
    again = replayed(condensed(entries, 9, 10))
    assert list(again.posted.items()) == [("m7", 7), ("m8", 8), ("m9", 9)]
