from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator

import pytest
from prometheus_client.parser import text_string_to_metric_families

from maestro_ray.studio import identity
from maestro_ray.studio.metrics import BUCKETS, Metrics, Timing, Wire, Work, exposition, work
from maestro_ray.studio.studio import Studio
from maestro_ray.testing import FakeClock

from .pretend import PretendTeam, Rest


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Every sample by its name and the values of its labels, read by Prometheus' own parser."""
    return dict(_samples(text))


def _samples(text: str) -> Iterator[tuple[tuple[str, ...], float]]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield (sample.name.removeprefix("maestro_studio_"), *sample.labels.values()), sample.value


def told(
    metrics: Metrics, wire: Wire | None = None, work: Work | None = None
) -> dict[tuple[str, ...], float]:
    text = exposition(metrics, wire or Wire(0, 0), work or Work({}, 0.0, {}), "1.2")
    return samples(text.decode())


def test_a_timing_is_counted_in_every_bucket_that_holds_it() -> None:
    timing = Timing()
    for seconds in (0.0005, 0.001, 0.3, 100.0):
        timing.add(seconds)
    found = dict(timing.cumulative())
    assert (found["0.001"], found["0.25"], found["0.5"], found["10.0"], found["+Inf"]) == (2, 2, 3, 3, 4)
    assert len(found) == len(BUCKETS) + 1
    assert timing.total == pytest.approx(100.3015)


def test_what_was_counted_is_told() -> None:
    metrics = Metrics()
    metrics.request("GET", "/up", 200, 0.002)
    metrics.request("GET", "/up", 200, 20.0)
    metrics.request("BREW", "", 404, 0.1)
    metrics.event("task.updated", {})
    metrics.event("run.updated", {"run": {"state": "running", "purpose": "merge"}})
    metrics.event("run.updated", {"run": {"state": "failed", "purpose": "merge"}})
    found = told(metrics, Wire(2, 5), Work({("running", "execute"): 3}, 12.5, {"attempts": 1}))
    assert found["info", "1.2"] == 1
    assert found["requests_total", "GET", "/up", "200"] == 2
    assert found["requests_total", "other", "other", "404"] == 1
    assert found["request_seconds_bucket", "0.0025", "GET", "/up"] == 1
    assert found["request_seconds_count", "GET", "/up"] == 2
    assert found["request_seconds_sum", "GET", "/up"] == pytest.approx(20.002)
    assert (found[("sockets",)], found[("subscriptions",)]) == (2, 5)
    assert (found["events_total", "task.updated"], found["events_total", "run.updated"]) == (1, 2)
    assert found["runs_finished_total", "merge", "failed"] == 1
    assert found["runs", "execute", "running"] == 3
    assert found[("queue_age_seconds",)] == 12.5
    assert found["decisions_open", "attempts"] == 1
    assert found[("spent_usd",)] == 0.0
    assert found[("process_resident_memory_bytes",)] > 0


async def test_work_is_counted_in_the_database(rest: Rest, studio: Studio, clock: FakeClock) -> None:
    team = await PretendTeam.join(rest, project := await rest.project())
    await rest.plan(project)
    other = await rest.plan(project, [{"title": "Two"}])
    await team.fail(await team.take("bootstrap_epic"), "no such branch", hold=True)
    await rest.delete(f"teams/{team.id}")
    clock.advance(60)
    found = await studio.store.read(work)
    assert found.runs == {("queued", "bootstrap_epic"): 1}
    assert studio.metrics.finished == {("failed", "bootstrap_epic"): 1}
    assert found.queue_age == pytest.approx(60)
    assert found.decisions == {"bootstrap_epic": 1}
    await rest.post(f"plans/{other['id']}/cancel")
    assert (await studio.store.read(work)).queue_age == 0.0


# ── GET /metrics ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_prometheus_reads_them_with_its_own_token(rest: Rest, studio: Studio) -> None:
    await rest.project()
    studio.hub.publish("private-project.x", "task.updated", {})
    token = identity.scrape_token(studio.door.secret)
    answer = await rest.http.get("/metrics", headers={"authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.headers["content-type"]) == (
        200,
        "text/plain; version=0.0.4; charset=utf-8",
    )
    found = samples(answer.text)
    assert found["requests_total", "POST", "/api/v1/projects", "201"] == 1
    assert found["events_total", "task.updated"] == 1
    # it opens nothing else
    assert (
        await rest.http.get("/api/v1/me", headers={"authorization": f"Bearer {token}"})
    ).status_code == 401


async def test_strangers_and_guests_do_not_read_them(rest: Rest, studio: Studio) -> None:
    project = await rest.project()
    assert (await rest.http.get("/metrics")).status_code == 200
    guest = await rest.post("auth/invites", {"role": "owner", "project_id": project}, status=201)
    everybody = {"": 401, "Bearer x": 401, "Basic eDp4": 401}
    del rest.http.headers["authorization"]
    for header, status in everybody.items():
        answer = await rest.http.get("/metrics", headers={"authorization": header} if header else {})
        assert (header, answer.status_code) == (header, status)
    await rest.sign_in(guest["token"])
    assert (await rest.http.get("/metrics")).status_code == 403


def test_nobody_waits_for_the_library_who_never_scrapes() -> None:
    code = "import sys, maestro_ray.studio.app; print('prometheus_client' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env={"PYTHONPATH": ":".join(sys.path)}
    )
    assert done.stdout.strip() == b"False"


def test_no_name_holds_what_it_should_not() -> None:
    assert all(re.fullmatch(r"[a-z_]+", name[0]) for name in told(Metrics()))


async def test_what_was_used_and_reserved_is_counted(studio: Studio, rest: Rest) -> None:
    team = await PretendTeam.join(rest, project := await rest.project(), budget={"team_usd": 5.0})
    await rest.plan(project)
    await team.bootstrap()
    run = await team.take("execute")
    models = [{"input_tokens": 100, "output_tokens": 5, "cost_usd": 0.5}]
    body = {"epoch": run["epoch"], "usage": {"meter": "m", "number": 1, "models": models}, "ask": True}
    answer = await rest.post(f"cli-runs/{run['id']}/spent", body)
    spent = (await studio.store.read(work)).spent
    assert spent == {"in": 100, "out": 5, "usd": 0.5, "reserved": pytest.approx(answer["usd"])}
