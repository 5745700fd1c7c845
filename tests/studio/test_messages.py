from __future__ import annotations

from typing import Any

import pytest

from maestro_ray.studio import messages

from .conftest import Published
from .pretend import PretendTeam, Rest


def message(number: int, text: str = "hello") -> dict[str, Any]:
    return {"number": number, "sender": "dev-1", "kind": "said", "body": {"text": text}, "at": 5.5}


async def test_numbered_messages_are_kept_and_shown_in_order(rest: Rest, published: Published) -> None:
    team = await PretendTeam.join(rest, await rest.project(), [])
    path = f"teams/{team.id}/messages"
    await rest.post(path, {"messages": [message(2), message(1)]}, status=204)
    shown = await rest.get(path)
    assert [(each["number"], each["body"]) for each in shown] == [
        (1, {"text": "hello"}),
        (2, {"text": "hello"}),
    ]
    assert [each["number"] for each in await rest.get(path, after="1")] == [2]
    told = [
        (channel, params["message"]["number"])
        for channel, method, params in published
        if method == "team.message"
    ]
    assert told == [(f"private-team.{team.name}", 2), (f"private-team.{team.name}", 1)]


async def test_what_is_here_already_stays_as_it_is(rest: Rest, published: Published) -> None:
    team = await PretendTeam.join(rest, await rest.project(), [])
    path = f"teams/{team.id}/messages"
    await rest.post(path, {"messages": [message(1), message(1, "twice in one batch")]}, status=204)
    await rest.post(path, {"messages": [message(1, "again"), message(2)]}, status=204)
    assert [each["body"]["text"] for each in await rest.get(path)] == ["hello", "hello"]
    assert [method for _, method, _ in published].count("team.message") == 2


async def test_messages_come_in_pages(rest: Rest, monkeypatch: pytest.MonkeyPatch) -> None:
    team = await PretendTeam.join(rest, await rest.project(), [])
    await rest.post(f"teams/{team.id}/messages", {"messages": [message(n) for n in range(1, 6)]}, status=204)
    monkeypatch.setattr(messages, "PAGE", 2)
    assert [each["number"] for each in await rest.get(f"teams/{team.id}/messages", after="2")] == [3, 4]


async def test_teams_do_not_see_each_others_messages(rest: Rest) -> None:
    project = await rest.project()
    team, other = await PretendTeam.join(rest, project, []), await PretendTeam.join(rest, project, [])
    await rest.post(f"teams/{team.id}/messages", {"messages": [message(1)]}, status=204)
    assert await rest.get(f"teams/{other.id}/messages") == []
