from __future__ import annotations

import pytest

from maestro_ray.connection.trouble import Trouble, worst


@pytest.mark.parametrize(
    ("troubles", "wanted"),
    [
        ([], ""),
        ([Trouble.NONE], ""),
        ([Trouble.NONE, Trouble.AWAY], "away"),
        ([Trouble.SIGNED_OUT, Trouble.AWAY, Trouble.NONE], "signed_out"),
    ],
)
def test_of_several_the_worst_counts(troubles: list[Trouble], wanted: str) -> None:
    assert worst(troubles) == wanted
    assert bool(worst(troubles)) is bool(wanted)
