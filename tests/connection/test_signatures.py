"""Signatures: many in one call where Studio can, one by one where it cannot, and nobody pays for another's refusal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from maestro_ray.connection import signatures as module
from maestro_ray.connection.signatures import Signatures
from maestro_ray.errors import InternalError, MaestroError, StudioRefused, StudioUnavailable
from maestro_ray.testing import LocalStudio


class Studio:
    """Signs everything but what ends with `x`; with `together` also many at once."""

    url = "http://studio"

    def __init__(self, *, together: bool = True, answers: Any = None, error: Exception | None = None) -> None:
        self.together = together
        self.answers = answers
        self.error = error
        self.batches: list[int] = []
        self.singles = self.inside = self.most = 0

    async def post(self, path: str, body: Mapping[str, Any]) -> Any:
        assert path == "auth/channels"
        self.batches.append(len(body["channels"]))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        if not self.together:
            raise StudioRefused(404, "not_found", "no such path")
        if self.answers is not None:
            return self.answers
        return [self._one(each["socket_id"], each["channel_name"]) for each in body["channels"]]

    async def authorise(self, socket_id: str, channel: str) -> str:
        self.singles += 1
        self.inside += 1
        self.most = max(self.most, self.inside)
        await asyncio.sleep(0)
        self.inside -= 1
        answer = self._one(socket_id, channel)
        if "auth" not in answer:
            raise StudioRefused(403, answer["code"], answer["detail"])
        return answer["auth"]

    def _one(self, socket_id: str, channel: str) -> dict[str, str]:
        if channel.endswith("x"):
            return {"code": "forbidden", "detail": "not for you"}
        return {"auth": f"{socket_id} {channel}"}


async def ask(studio: Studio, *channels: str) -> list[Any]:
    signatures = Signatures(studio)  # type: ignore[arg-type]
    asked = [signatures.sign(str(number), channel) for number, channel in enumerate(channels)]
    found = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), 60)
    await signatures.close()
    return found


async def test_many_share_a_call_and_each_gets_its_own() -> None:
    studio = Studio()
    names = [f"c{n}" for n in range(200)]
    assert await ask(studio, *names) == [f"{n} c{n}" for n in range(200)]
    assert studio.batches == [128, 72]
    assert studio.singles == 0


async def test_one_alone_is_asked_for_in_everybodys_way() -> None:
    studio = Studio()
    assert await ask(studio, "c") == ["0 c"]
    assert (studio.batches, studio.singles) == ([], 1)


async def test_one_that_is_refused_is_refused_alone() -> None:
    assert [str(each) for each in await ask(Studio(), "a", "x", "b")] == [
        "0 a",
        "Studio refused (403 forbidden): not for you",
        "2 b",
    ]


async def test_where_it_is_not_possible_each_is_asked_for_a_few_at_a_time() -> None:
    studio = Studio(together=False)
    signatures = Signatures(studio)  # type: ignore[arg-type]
    for _ in range(2):
        found = await asyncio.gather(*(signatures.sign(str(n), "c") for n in range(50)))
        assert found == [f"{n} c" for n in range(50)]
    assert len(studio.batches) == 1, "once is enough to know"
    assert studio.most <= module.SINGLES_AT_ONCE
    await signatures.close()


@pytest.mark.parametrize("answers", [[], {}, "no", [{"auth": 7}, None, {}], [{"auth": "a"}]])
async def test_an_answer_that_is_none_is_told(answers: Any) -> None:
    found = await ask(Studio(answers=answers), "a", "b", "c")
    assert all(isinstance(each, StudioUnavailable) for each in found)


@pytest.mark.parametrize(("status", "batches"), [(500, [50, 50]), (403, [50, 50]), (404, [50]), (405, [50])])
async def test_only_a_studio_that_knows_no_batches_is_asked_for_none_again(
    status: int, batches: list[int]
) -> None:
    """A thousand who come back after a restart would each ask for itself until this process ends."""
    studio = Studio(error=StudioRefused(status, "x", "no"))
    signatures = Signatures(studio)  # type: ignore[arg-type]
    for _ in range(2):
        found = await asyncio.gather(*(signatures.sign("1", f"c{n}") for n in range(50)))
        assert found == [f"1 c{n}" for n in range(50)]
        singles, studio.error = studio.singles, None
    await signatures.close()
    assert studio.batches == batches
    assert singles == (50 if len(batches) == 2 else 100)


async def test_an_error_is_everybodys() -> None:
    found = await ask(Studio(error=StudioUnavailable("u", "away")), "a", "b")
    assert all(isinstance(each, StudioUnavailable) for each in found)


async def test_a_mistake_of_our_own_leaves_nobody_waiting() -> None:
    studio = Studio(error=KeyError("nobody foresaw this"))
    assert all(isinstance(each, InternalError) for each in await ask(studio, "a", "b"))


async def test_who_was_cut_meanwhile_is_not_asked_for() -> None:
    studio = Studio()
    signatures = Signatures(studio)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(signatures.sign(str(n), "c")) for n in range(10)]
    await asyncio.sleep(0)
    for task in tasks[:7]:
        task.cancel()
    assert await asyncio.wait_for(asyncio.gather(*tasks[7:]), 60) == ["7 c", "8 c", "9 c"]
    assert sum(studio.batches) == 3
    await signatures.close()


async def test_after_a_close_nobody_hangs() -> None:
    never = Studio()
    never.authorise = lambda *_: asyncio.Event().wait()  # type: ignore[assignment,method-assign,return-value]
    signatures = Signatures(never)  # type: ignore[arg-type]
    tasks = [asyncio.create_task(signatures.sign("1", "c"))]
    await asyncio.sleep(0)
    tasks += [asyncio.create_task(signatures.sign("2", "c")) for _ in range(3)]
    await asyncio.sleep(0)
    await signatures.close()
    async with asyncio.timeout(60):
        found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(each, asyncio.CancelledError | MaestroError) for each in found)


async def test_against_a_real_studio(studio: LocalStudio) -> None:
    client = await studio.client()
    signatures = Signatures(client)
    channels = ["private-project.p", "private-team.t", "private-project.none"]
    first, *many, refused = await asyncio.gather(
        *(signatures.sign("1.2", channel) for channel in (channels[0], *channels)), return_exceptions=True
    )
    assert many == [await client.authorise("1.2", channel) for channel in channels[:2]]
    assert first == many[0]
    assert isinstance(refused, StudioRefused)
    assert refused.args[:2] == (403, "forbidden")
    bad = await asyncio.gather(
        signatures.sign("no", channels[0]),
        signatures.sign("1.2", channels[0]),
        signatures.sign("1.2", channels[1]),
        return_exceptions=True,
    )
    assert isinstance(bad[0], StudioRefused)
    assert bad[1:] == many
    await signatures.close()
    await client.close()
