from __future__ import annotations

from maestro_ray.transcript.document import Message
from maestro_ray.transcript.spool import Spool


def test_what_was_put_in_comes_out_as_often_as_it_is_asked_for() -> None:
    said = [
        Message(number=n, at=None, sender="a\nb", kind="post", text="ü\u2028\x85", body={"n": [n]})
        for n in range(3)
    ]
    with Spool() as spool:
        spool.extend(said[:2])
        spool.extend(said[2:])
        assert len(spool) == 3
        assert list(spool) == list(spool) == said
