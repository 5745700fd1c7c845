"""What is reported of a run has the shape of Studio's bodies."""

from __future__ import annotations

from maestro_ray.actors.outcome import Outcome, about
from maestro_ray.studio.bodies import Complete, Fail, Pause

from .parts import a_lead_run, a_run


def test_completed_and_failed_are_bodies_studio_takes() -> None:
    done = Outcome.completed("one file", commit="c", summary="words")
    assert (done.action, done.summary) == ("complete", "one file")
    assert Complete(epoch=1, **done.body).result == {"commit": "c", "summary": "words"}
    failed = Outcome.failed("broken", retryable=False, hold=True)
    assert Fail(epoch=1, **failed.body).model_dump(exclude={"usage"}) == {
        "epoch": 1,
        "reason": "broken",
        "retryable": False,
        "hold": True,
        "signed_out": False,
    }
    assert Fail(epoch=1, **Outcome.signed_out("401").body).signed_out


def test_a_limit_is_a_pause() -> None:
    assert Outcome.limited(5.0, "busy") == Outcome("pause", {}, "busy", 5.0)
    assert Pause(epoch=1, **Outcome.limited(5.0, "full", alone=True).body).alone


def test_what_is_told_of_a_run_of_a_task_and_of_a_plan() -> None:
    assert about(a_run("c")) == {"run": "run-1", "purpose": "execute", "task": "task-id", "title": "Add it"}
    assert about(a_lead_run("release"))["title"] == "A plan"
