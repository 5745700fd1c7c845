from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from maestro_ray.studio import origin


@pytest.mark.parametrize(
    ("said", "ours"),
    [
        (None, None),
        ("http://127.0.0.1:8001", True),
        ("https://127.0.0.1:8001", True),
        ("http://127.0.0.1:8002", False),
        ("http://127.0.0.1", False),
        ("http://127.0.0.1:8001.evil.example", False),
        ("http://evil.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_a_page_of_this_studio_is_told_from_every_other(said: str | None, ours: bool | None) -> None:
    headers = {"host": "127.0.0.1:8001"} | ({} if said is None else {"origin": said})
    assert origin.ours(Headers(headers)) is ours
