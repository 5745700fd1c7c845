"""What people say to a team: pending until the channel has it, in order, once, and only to a team that lives."""

from __future__ import annotations

from typing import Any

from .conftest import Published
from .pretend import PretendTeam, Rest


def mirrored(number: int, kind: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"number": number, "sender": "operator", "kind": kind, "body": body, "at": 5.0 + number}


async def mirror(team: PretendTeam, *messages: dict[str, Any]) -> None:
    await team.rest.post(f"teams/{team.id}/messages", {"messages": list(messages)}, status=204)


async def a_team(rest: Rest) -> tuple[PretendTeam, str]:
    team = await PretendTeam.join(rest, await rest.project(), [])
    return team, f"agent-sessions/{team.lead}/steering"


async def test_a_directive_is_pending_until_the_channel_has_it(rest: Rest, published: Published) -> None:
    team, path = await a_team(rest)
    added = await rest.post(path, {"text": "  keep the API "}, status=201)
    assert (added["text"], added["status"]) == ("keep the API", "pending")
    assert [each["id"] for each in await rest.get(f"teams/{team.id}/inbox")] == [added["id"]]
    body = {"id": added["id"], "text": "keep the API", "workers": ["dev-1"]}
    await mirror(team, mirrored(1, "directive", body))
    (active,) = await rest.get(path)
    assert (active["status"], active["receipts"]) == ("accepted", {"dev-1": {"state": "accepted", "how": ""}})
    assert await rest.get(f"teams/{team.id}/inbox") == []
    told = [params["item"]["status"] for _, method, params in published if method == "steering.added"]
    assert told == ["pending", "accepted"]


async def test_receipts_come_from_the_channel(rest: Rest) -> None:
    team, path = await a_team(rest)
    directive = {"id": "d1", "text": "x", "workers": ["dev-1"]}
    receipt = {"directive": "d1", "worker": "dev-1", "how": "in-turn"}
    await mirror(team, mirrored(1, "directive", directive), mirrored(2, "receipt", receipt))
    (active,) = await rest.get(path)
    assert active["receipts"] == {"dev-1": {"state": "delivered", "how": "in-turn"}}


async def test_one_directive_or_all_are_cleared(rest: Rest) -> None:
    team, path = await a_team(rest)
    for number, name in enumerate(("d1", "d2"), 1):
        await mirror(team, mirrored(number, "directive", {"id": name, "text": name, "workers": []}))
    cleared = await rest.call("DELETE", path, status=200, params={"directive": "d1"})
    assert [each["id"] for each in await rest.get(path)] == ["d2"]
    await mirror(team, mirrored(3, "cleared", {"id": cleared["id"], "directives": ["d1"]}))
    assert [each["id"] for each in await rest.get(path)] == ["d2"]
    everything = await rest.call("DELETE", path, status=200)
    await mirror(team, mirrored(4, "cleared", {"id": everything["id"]}))
    assert await rest.get(path) == []


async def test_words_are_kept_in_order(rest: Rest) -> None:
    team, path = await a_team(rest)
    for text in ("one", "two"):
        await rest.post(f"teams/{team.id}/inbox", {"text": text}, status=201)
    await rest.post(path, {"text": "three"}, status=201)
    waiting = await rest.get(f"teams/{team.id}/inbox")
    assert [(each["kind"], each["body"]["text"]) for each in waiting] == [
        ("said", "one"),
        ("said", "two"),
        ("directive", "three"),
    ]


async def test_a_team_that_is_over_hears_nothing(rest: Rest) -> None:
    team, path = await a_team(rest)
    await rest.delete(f"teams/{team.id}")
    assert await rest.refused("POST", path, {"text": "x"}) == "conflict"
    assert await rest.refused("POST", f"teams/{team.id}/inbox", {"text": "x"}) == "conflict"


async def test_another_teams_channel_accepts_nothing_for_this_one(rest: Rest) -> None:
    team, path = await a_team(rest)
    other = await PretendTeam.join(rest, await rest.project(), [])
    added = await rest.post(path, {"text": "x"}, status=201)
    await mirror(other, mirrored(1, "directive", {"id": added["id"], "text": "x", "workers": []}))
    assert [each["id"] for each in await rest.get(f"teams/{team.id}/inbox")] == [added["id"]]


async def test_a_session_without_a_team_has_no_steering(rest: Rest) -> None:
    body = {"project_id": await rest.project(), "role": "lead", "name": "alone"}
    session = await rest.post("agent-sessions", body, status=201)
    assert await rest.refused("POST", f"agent-sessions/{session['id']}/steering", {"text": "x"}) == "conflict"


async def test_what_no_channel_would_have_written_says_nothing(rest: Rest) -> None:
    team, path = await a_team(rest)
    await mirror(team, mirrored(1, "directive", {"id": "d1", "text": "hold", "workers": []}))
    for number, (kind, body) in enumerate(
        [("directive", {}), ("directive", "text"), ("receipt", None), ("receipt", {"directive": "d1", "worker": "x", "how": "?"}),
         ("receipt", {"directive": "d1", "worker": "x", "how": "in-turn"}), ("cleared", [1])], 2):  # fmt: skip
        await mirror(team, mirrored(number, kind, body))
    assert [each["id"] for each in await rest.get(path)] == ["d1"]
