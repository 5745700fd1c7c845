from __future__ import annotations

import dataclasses
import pickle
from typing import get_args

import pytest

from maestro_ray.protocol import events
from maestro_ray.protocol.pusher import Advice

SAMPLES = {
    "code": 4009,
    "lived": 1.5,
    "advice": Advice.BACK_OFF,
    "expected": 3,
    "got": 5,
    "activity_timeout": 30.0,
}


@pytest.mark.parametrize("kind", get_args(events.Event))
def test_every_event_is_a_frozen_value_that_can_cross_to_an_actor(kind: type) -> None:
    event = kind(**{field.name: SAMPLES.get(field.name, "x") for field in dataclasses.fields(kind)})

    assert pickle.loads(pickle.dumps(event)) == event
    assert kind.__doc__
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(event, dataclasses.fields(kind)[0].name, None)


def test_the_union_names_every_event_of_the_file() -> None:
    defined = {each for each in vars(events).values() if dataclasses.is_dataclass(each)}

    assert defined - set(get_args(events.Event)) == {events.Member}
