from __future__ import annotations

import pytest

from maestro_cli import following
from maestro_cli.following import follow_events
from maestro_ray.errors import Conflict, DaemonUnavailable, Reported


class Part:
    """A line that gives these events and then breaks, or answers."""

    def __init__(self, *events, error=None, answer=None):
        self._events, self._error, self._answer = events, error, answer
        self.after, self.closed = None, False

    def stream(self, method, team, after):
        assert (method, team) == ("team.watch", "t")
        self.after = after
        for n in self._events:
            yield "team.event", {"n": n}
        if self._error:
            raise self._error
        yield "", self._answer

    def close(self):
        self.closed = True


CUT = Reported("daemon_unavailable", "connections went away", "", 1)


def follow(*parts):
    first, *others = parts
    later = iter(others)

    def again():
        part = next(later)
        if isinstance(part, Exception):
            raise part
        return part

    return [value["n"] if kind else value for kind, value in follow_events(first, "t", again, pause=0)]


def test_it_goes_on_behind_the_last_event(capsys):
    first, second = Part(1, 2, error=CUT), Part(3, answer="done")

    assert follow(first, DaemonUnavailable("not yet"), second) == [1, 2, 3, "done"]
    assert (first.closed, first.after, second.after) == (True, 0, 2)
    assert capsys.readouterr().out.splitlines() == [
        "the line to the team was cut (connections went away); waiting up to 60 s for it …",
        "the line is back",
    ]


def test_it_may_be_cut_more_than_once_on_the_way(capsys):
    assert follow(Part(1, error=CUT), Part(error=CUT), Part(2, error=CUT), Part(answer=9)) == [1, 2, 9]
    assert capsys.readouterr().out.count("waiting") == 2


def test_it_gives_up_with_what_cut_it(monkeypatch):
    monkeypatch.setattr(following, "AGAIN_WITHIN", 0.0)
    with pytest.raises(Reported) as caught:
        follow(Part(1, error=CUT))
    assert caught.value is CUT


@pytest.mark.parametrize("kind", ["daemon_stopping", "not_found", "start_failed"])
def test_what_is_no_cut_is_not_waited_for(kind):
    with pytest.raises(Reported, match="x"):
        follow(Part(error=Reported(kind, "x", "", 1)))


def test_a_team_that_ended_meanwhile():
    with pytest.raises(Conflict, match="ended while the line to it was cut"):
        follow(Part(1, error=CUT), Part(error=Reported("not_found", "no team", "", 1)))
