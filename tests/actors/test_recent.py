from __future__ import annotations

from maestro_ray.actors.recent import Recent


def test_what_was_set_longest_ago_is_forgotten() -> None:
    recent: Recent[str, int] = Recent(2)
    for key in ("a", "b", "a", "c"):
        recent[key] = ord(key)
    assert recent == {"a": 97, "c": 99}


def test_what_is_taken_keeps_its_order() -> None:
    recent: Recent[str, int] = Recent(2)
    recent.take({"a": 1, "b": 2, "c": 3})
    assert list(recent.items()) == [("b", 2), ("c", 3)]
