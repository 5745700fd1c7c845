"""What the operator said and got no answer to: it may arrive all the same, so said again it is the same."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from maestro_ray.ids import new_id

# after this many seconds the same words are meant anew
AGAIN_WITHIN = 600.0


class Unanswered:
    """Ids of what was said last to these teams, as long as nobody knows whether it was heard."""

    def __init__(self) -> None:
        self._said: dict[frozenset[str], tuple[str, str, float]] = {}

    @contextmanager
    def under(self, teams: Iterable[str], words: str, now: float) -> Iterator[str]:
        """The id to say `words` under. Leaving with any exception, a cancel too, means that there was no answer."""
        key = frozenset(teams)
        self._said = {teams: each for teams, each in self._said.items() if now - each[2] < AGAIN_WITHIN}
        before, identifier, _ = self._said.pop(key, ("", "", 0.0))
        if before != words or not identifier:
            identifier = new_id()
        try:
            yield identifier
        except BaseException:
            self._said[key] = (words, identifier, now)
            raise
