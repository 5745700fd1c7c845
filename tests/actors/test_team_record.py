"""A team as it stands in the journal, and the parts it gives to its slots."""

from __future__ import annotations

import json

from maestro_ray.actors.messages import BeChannel, BeLead, BeWorker
from maestro_ray.actors.team_record import MemberRecord, TeamRecord
from maestro_ray.config import Config
from maestro_ray.home import Home
from maestro_ray.ports import ProviderSpec

DEV = MemberRecord("dev-1", "dev", "s-dev", "slot-3", ProviderSpec("command", "true", ("a", "b"), ("KEY",)))
RECORD = TeamRecord(
    id="t", name="bot-1", channel_name="private-team.bot-1", project="p", key="local:a/b", repo="/repo", bot="bot",
    session="s-lead", lead="slot-1", channel="slot-2", members=(DEV,), plans=("plan",), started_at=5.0,
)  # fmt: skip


def test_it_survives_the_journal() -> None:
    assert TeamRecord.from_json(json.loads(json.dumps(RECORD.to_json()))) == RECORD


def test_who_lives_where_and_holds_which_session() -> None:
    older = {**RECORD.to_json(), "timings": {"place": 0.1}}
    assert TeamRecord.from_json(older) == RECORD
    assert RECORD.slots == {"lead": "slot-1", "channel": "slot-2", "dev-1": "slot-3"}
    assert RECORD.sessions == ["s-lead", "s-dev"]
    assert [RECORD.member_of(s) for s in ("s-lead", "s-dev", "stranger")] == ["lead", "dev-1", ""]


def test_members_come_and_go() -> None:
    more = RECORD.with_member(MemberRecord("test-1", "test", "s-test", "slot-4", ProviderSpec("command")))
    assert [each.name for each in more.members] == ["dev-1", "test-1"]
    assert more.without_member("dev-1").sessions == ["s-lead", "s-test"]
    assert RECORD.without_member("nobody") == RECORD


def test_every_slot_gets_its_part_and_keys_stay_out_of_the_journal(home: Home) -> None:
    parts = RECORD.parts(home, Config(ping=0.5, lease=2.0, stop_grace=1.0), {"KEY": "s3cret"})
    lead, channel, dev = parts["slot-1"], parts["slot-2"], parts["slot-3"]
    assert isinstance(lead, BeLead)
    assert lead.members == (("dev-1", "dev", "s-dev"),)
    assert isinstance(channel, BeChannel)
    assert channel.readers == ("connections",)
    assert isinstance(dev, BeWorker)
    assert dev.provider == DEV.provider
    assert dev.team == lead.team == channel.team
    assert (dev.team.env["KEY"], dev.team.ping, dev.team.lease, dev.team.stop_grace) == (
        "s3cret",
        0.5,
        2.0,
        1.0,
    )
    assert dev.team.instance == home.instance
    assert "s3cret" not in json.dumps(RECORD.to_json())
