from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from maestro_ray.studio import bodies

GOOD: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (bodies.Redeem, {"token": "t"}),
    (bodies.Refresh, {"refresh_token": "t"}),
    (bodies.Logout, {}),
    (bodies.NewInvite, {"role": "member"}),
    (bodies.NewToken, {"channels": ["private-team.x"]}),
    (bodies.ManyChannels, {"channels": [{"socket_id": "1.2", "channel_name": "private-team.x"}]}),
    (bodies.NewProject, {"key": "github:acme/shop", "name": "shop"}),
    (bodies.NewSession, {"project_id": "p", "role": "lead", "name": "maestro"}),
    (bodies.NewWorker, {"name": "dev-1", "role": "dev", "skills": {"sql": 5}}),
    (bodies.NewTeam, {"workers": [{"name": "dev-1", "role": "dev"}]}),
    (bodies.Heartbeat, {}),
    (bodies.NewDirective, {"text": "keep the API"}),
    (bodies.NewSaying, {"text": "good morning"}),
    (bodies.Chunk, {"worker": "dev-1", "text": "reading\n"}),
    (bodies.Claim, {"run_id": "r"}),
    (bodies.Complete, {"epoch": 1, "result": {"commit": "c"}}),
    (bodies.Fail, {"epoch": 1, "reason": "x" * 1_000_000}),
    (
        bodies.Spent,
        {"epoch": 1, "usage": {"meter": "m", "number": 3, "models": [{"model": "opus"}]}, "ask": True},
    ),
    (bodies.ModelUsage, {"model": "opus", "cached_tokens": 5}),
    (bodies.Budget, {"team_usd": 5.0, "run_tokens": 1000}),
    (bodies.Pause, {"epoch": 1, "resume_at": 1.5}),
    (bodies.Epoch, {"epoch": 1}),
    (bodies.NewPlan, {"project_id": "p", "draft": {}}),
    (bodies.NewComment, {"body": "x"}),
    (bodies.Priority, {"priority": -1000}),
    (bodies.Answer, {"answer": "retry"}),
    (bodies.Permission, {"epoch": 1, "request": "1.0", "tool": "Bash", "hash": "ab", "ruling": "deny"}),
    (bodies.Usage, {"input_tokens": 1, "output_tokens": 2, "cost_usd": 0.5}),
    (bodies.TaskChange, {"assignee": ""}),
    (bodies.Accept, {}),
    (bodies.Delegate, {"run_id": "r", "to": "dev-1"}),
    (bodies.MySkills, {"skills": {"sql": 4}}),
    (bodies.NewSubtask, {"epoch": 1, "title": "x"}),
    (bodies.NewBlocker, {"epoch": 1, "text": "x"}),
    (bodies.NewQuestion, {"epoch": 1, "question": "x", "options": ["a", "b"]}),
    (bodies.Proposal, {"epoch": 1, "draft": {}}),
    (bodies.NewKnowledge, {"source": "survey", "items": []}),
    (bodies.NewAnalysis, {"purpose": "plan", "note": "x", "role": "architect"}),
    (bodies.NewMessages, {"messages": [{"number": 1, "sender": "s", "kind": "k", "body": None, "at": 1.0}]}),
]


def test_every_body_is_known_here() -> None:
    known = {body for body, _ in GOOD} | {bodies.Body, bodies.Report, bodies.Mirrored, bodies.ChannelAuth}
    made_here = {
        each
        for each in vars(bodies).values()
        if isinstance(each, type) and issubclass(each, BaseModel) and each.__module__ == bodies.__name__
    }
    assert known == made_here


@pytest.mark.parametrize(("body", "value"), GOOD)
def test_what_a_body_needs_is_enough_and_more_is_a_mistake(
    body: type[BaseModel], value: dict[str, Any]
) -> None:
    body.model_validate(value)
    with pytest.raises(ValidationError):
        body.model_validate({**value, "misspelt": 1})


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (bodies.Redeem, {"token": ""}),
        (bodies.Redeem, {"token": "x" * 201}),
        (bodies.NewProject, {"key": "no-provider", "name": "x"}),
        (bodies.NewProject, {"key": "a b:c", "name": "x"}),
        (bodies.NewSession, {"project_id": "p", "role": "boss", "name": "x"}),
        (bodies.NewWorker, {"name": "w", "role": "dev", "skills": {"sql": 6}}),
        (bodies.NewTeam, {"workers": [{"name": "w", "role": "dev"}] * 1001}),
        (bodies.Complete, {"epoch": "x"}),
        (bodies.Fail, {"epoch": 1}),
        (bodies.Pause, {"epoch": 1, "resume_at": -1}),
        (bodies.Pause, {"epoch": 1, "resume_at": float("inf")}),
        (bodies.Complete, {"epoch": 1, "usage": {"input_tokens": -1}}),
        (bodies.Complete, {"epoch": 1, "usage": {"cost_usd": float("nan")}}),
        (bodies.NewAnalysis, {"purpose": "merge"}),
        (bodies.NewAnalysis, {"role": "Dev!"}),
        (bodies.MySkills, {"skills": {"sql": 6}}),
        (bodies.NewPlan, {"project_id": "p", "draft": {}, "attempts": 0}),
        (bodies.NewPlan, {"project_id": "p", "draft": {}, "revision_cap": -1}),
        (bodies.Mirrored, {"number": -1, "sender": "s", "kind": "k", "body": 1, "at": 1.0}),
        (bodies.Mirrored, {"number": 2**63, "sender": "s", "kind": "k", "body": 1, "at": 1.0}),
    ],
)
def test_what_is_out_of_bounds_is_refused(body: type[BaseModel], value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        body.model_validate(value)
