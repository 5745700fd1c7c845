"""What Studio counts, in Prometheus' form. Every label has a bounded set of values."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from maestro_ray.model.run import LIVE, State
from maestro_ray.studio import schema as t
from maestro_ray.studio.store import Transaction

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# upper bounds in seconds; the last bucket has none
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_PREFIX = "maestro_studio"
LIVING = LIVE | {State.INTERRUPTED}
TERMINAL = frozenset(State) - LIVING


@dataclass
class Timing:
    """How many requests took how long; the last count is of those longer than every bound."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def cumulative(self) -> list[tuple[str, float]]:
        """`(bound, how many took no longer)`, as Prometheus wants its buckets."""
        seen, found = 0, []
        for bound, count in zip([*map(str, BUCKETS), "+Inf"], self.counts, strict=True):
            seen += count
            found.append((bound, float(seen)))
        return found


class Metrics:
    """The counts of one process since it began."""

    def __init__(self) -> None:
        self.requests: dict[tuple[str, str, int], int] = {}
        self.timings: dict[tuple[str, str], Timing] = {}
        self.events: dict[str, int] = {}
        self.finished: dict[tuple[str, str], int] = {}

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered; `route` is the path of its route, empty for one that matched none."""
        method, route = method if method in _METHODS else "other", route or "other"
        key = method, route, status
        self.requests[key] = self.requests.get(key, 0) + 1
        self.timings.setdefault((method, route), Timing()).add(seconds)

    def event(self, name: str, params: Mapping[str, Any]) -> None:
        """An event was published. A run that is over is in no count of the database, where they only grow."""
        self.events[name] = self.events.get(name, 0) + 1
        run = params.get("run", {})
        if name == "run.updated" and run.get("state") in TERMINAL:
            key = run["state"], run["purpose"]
            self.finished[key] = self.finished.get(key, 0) + 1


@dataclass(frozen=True)
class Wire:
    """The WebSocket side at one moment."""

    sockets: int
    subscriptions: int


@dataclass(frozen=True)
class Work:
    """The database at one moment: runs that are not over, open cards, and for how many seconds the run that has waited
    longest is queued; what all runs have used."""

    runs: dict[tuple[str, str], int]
    queue_age: float
    decisions: dict[str, int]
    spent: dict[str, float] = field(default_factory=dict)


def work(tx: Transaction) -> Work:
    """Count living runs by state and purpose, and open decision cards by kind."""
    runs = sa.select(t.runs.c.state, t.runs.c.purpose, sa.func.count().label("n")).where(
        t.runs.c.state.in_(LIVING)
    )
    oldest = sa.select(sa.func.min(t.runs.c.created_at).label("at")).where(t.runs.c.state == "queued")
    cards = sa.select(t.decisions.c.kind, sa.func.count().label("n")).where(t.decisions.c.status == "open")
    waits = tx.first(oldest)
    since = waits["at"] if waits else None
    return Work(
        {
            (row["state"], row["purpose"]): row["n"]
            for row in tx.all(runs.group_by(t.runs.c.state, t.runs.c.purpose))
        },
        0.0 if since is None else max(0.0, tx.now - since),
        {row["kind"]: row["n"] for row in tx.all(cards.group_by(t.decisions.c.kind))},
        _spent(tx),
    )


def _spent(tx: Transaction) -> dict[str, float]:
    """Tokens `in` and `out`, US dollars, and the US dollars that are reserved now."""
    of = {"in": t.spent.c.input_tokens, "out": t.spent.c.output_tokens, "usd": t.spent.c.cost_usd}
    sums = [sa.func.sum(column).label(name) for name, column in of.items()]
    (spent,) = tx.all(sa.select(*sums).where(t.spent.c.plan_id == ""))
    (reserved,) = tx.all(sa.select(sa.func.sum(t.reservations.c.usd).label("reserved")))
    return {name: float(value or 0) for name, value in {**spent, **reserved}.items()}


def exposition(metrics: Metrics, wire: Wire, work: Work, version: str) -> bytes:
    """All of it as Prometheus' text format, 0.0.4, with the process's own memory, processor time and descriptors."""
    # 0.13 s to import: whoever never scrapes does not wait for it
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(metrics, wire, work, version))
    ProcessCollector(registry=registry)
    return generate_latest(registry)


class _Families:
    """Prometheus' collector: it is asked for its families at each scrape."""

    def __init__(self, metrics: Metrics, wire: Wire, work: Work, version: str) -> None:
        self._metrics, self._wire, self._work, self._version = metrics, wire, work, version

    def collect(self) -> Iterator[Metric]:
        from prometheus_client.metrics_core import HistogramMetricFamily

        yield _family("Gauge", "info", "Which version this is.", ["version"], [((self._version,), 1)])
        requests = [
            ((method, route, str(status)), n)
            for (method, route, status), n in tuple(self._metrics.requests.items())
        ]
        yield _family("Counter", "requests", "HTTP requests.", ["method", "route", "status"], requests)
        seconds = HistogramMetricFamily(
            f"{_PREFIX}_request_seconds", "How long requests took.", labels=["method", "route"]
        )
        for labels, timing in tuple(self._metrics.timings.items()):
            seconds.add_metric(list(labels), timing.cumulative(), timing.total)
        yield seconds
        yield from self._wire_families()
        yield from self._work_families()

    def _wire_families(self) -> Iterator[Metric]:
        wire, counted = self._wire, self._metrics
        yield _family("Gauge", "sockets", "Open WebSocket connections.", [], [((), wire.sockets)])
        yield _family(
            "Gauge", "subscriptions", "Channels they listen to, together.", [], [((), wire.subscriptions)]
        )
        events = [((name,), n) for name, n in tuple(counted.events.items())]
        yield _family("Counter", "events", "Events published to channels.", ["event"], events)

    def _work_families(self) -> Iterator[Metric]:
        work, labels = self._work, ["state", "purpose"]
        over = tuple(self._metrics.finished.items())
        yield _family("Gauge", "runs", "Runs that are not over.", labels, work.runs.items())
        yield _family("Counter", "runs_finished", "Runs that have ended.", labels, over)
        about = "Age of the run that has been queued longest."
        yield _family("Gauge", "queue_age_seconds", about, [], [((), work.queue_age)])
        cards = [((kind,), n) for kind, n in work.decisions.items()]
        tokens = [((way,), work.spent.get(way, 0.0)) for way in ("in", "out")]
        yield _family("Gauge", "spent_tokens", "Tokens that runs have used.", ["way"], tokens)
        for name, key, what in _MONEY:
            yield _family("Gauge", name, what, [], [((), work.spent.get(key, 0.0))])
        yield _family("Gauge", "decisions_open", "Decision cards without an answer.", ["kind"], cards)


_MONEY = (
    ("spent_usd", "usd", "US dollars that runs have used."),
    ("reserved_usd", "reserved", "US dollars that running work has reserved of a budget."),
)


def _family(
    kind: str, name: str, about: str, labels: list[str], values: Iterable[tuple[tuple[str, ...], float]]
) -> Metric:
    from prometheus_client import metrics_core

    family: Any = getattr(metrics_core, f"{kind}MetricFamily")(f"{_PREFIX}_{name}", about, labels=labels)
    for given, value in values:
        family.add_metric(list(given), value)
    return family  # type: ignore[no-any-return]  # looked up by its kind
