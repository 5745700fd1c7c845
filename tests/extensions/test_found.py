from __future__ import annotations

from pathlib import Path

import pytest

from maestro_ray.errors import NotFound, UsageError
from maestro_ray.extensions.found import Found, Origin, chosen, named, shadow, used


def found(name: str, where: str, value: str | None = "x") -> Found[str]:
    return Found(name, Origin("user"), Path(where), value, "" if value else "it is empty")


ALL = shadow([found("a", "/1", None), found("a", "/2", "two"), found("b", "/3"), found("a", "/4")])


def test_the_first_sound_one_of_a_name_is_used() -> None:
    assert [(str(each.path), each.state, each.shadowed_by) for each in ALL] == [
        ("/1", "broken", None),
        ("/2", "used", None),
        ("/3", "used", None),
        ("/4", "shadowed", Path("/2")),
    ]
    assert used(ALL) == ["two", "x"]


def test_the_one_that_is_used_is_shown_first() -> None:
    assert [str(each.path) for each in named(ALL, "skill", "a")] == ["/2", "/4", "/1"]


def test_a_name_that_is_not_there_has_a_suggestion() -> None:
    with pytest.raises(NotFound) as refused:
        named([found("pdf-filling", "/1")], "skill", "pdf-filing")
    assert str(refused.value) == "there is no skill 'pdf-filing'"
    assert refused.value.hint == "there are: pdf-filling (did you mean pdf-filling?)"
    with pytest.raises(NotFound) as refused:
        named([], "skill", "x")
    assert refused.value.hint == "there is no skill at all"


def test_chosen_values_are_those_that_are_used_each_once() -> None:
    assert chosen(ALL, "skill", ["b", "a", "b"]) == ["x", "two"]
    with pytest.raises(UsageError, match="the skill 'c' is broken: it is empty"):
        chosen([found("c", "/1", None)], "skill", ["c"])


def test_what_an_origin_is_called() -> None:
    assert [str(Origin("repository")), str(Origin("plugin", plugin="tools"))] == [
        "repository",
        "plugin tools",
    ]
    assert [Origin(level).theirs for level in ("repository", "user", "plugin")] == [True, False, True]  # type: ignore[arg-type]
