from __future__ import annotations

from enum import StrEnum

import pytest

from maestro_ray.errors import IllegalEvent
from maestro_ray.model.table import arrow


class Light(StrEnum):
    RED = "red"
    GREEN = "green"


class Switched: ...


class Broken(Switched): ...


TABLE: dict[tuple[Light, type], Light] = {(Light.RED, Switched): Light.GREEN}


def test_an_arrow_leads_to_its_state() -> None:
    assert arrow("light", TABLE, Light.RED, Switched()) is Light.GREEN


@pytest.mark.parametrize(
    ("state", "event"), [(Light.GREEN, Switched()), (Light.RED, Broken()), (Light.RED, "x")]
)
def test_a_missing_arrow_is_the_error_and_names_all_three(state: Light, event: object) -> None:
    with pytest.raises(IllegalEvent) as raised:
        arrow("light", TABLE, state, event)
    assert raised.value.args == ("light", state.value, type(event).__name__)
    assert str(raised.value) == f"light: {type(event).__name__} is not possible in state {state.value}"
    assert raised.value.__cause__ is None
