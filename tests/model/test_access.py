from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.access import EVERYWHERE, MAY, MEANING, Action, Caller, Role, as_roles


def caller(channels: tuple[str, ...] | None = None, **roles: Role) -> Caller:
    places = {EVERYWHERE if place == "everywhere" else place: role for place, role in roles.items()}
    return Caller("u", "f", places, channels)


def test_every_action_is_in_the_table_and_said_in_words() -> None:
    assert set(MAY) == set(Action) == set(MEANING)


@pytest.mark.parametrize("action", Action)
def test_who_is_more_may_do_no_less(action: Action) -> None:
    ranks = [role in MAY[action] for role in Role]
    assert ranks == sorted(ranks, reverse=True)
    assert Role.OWNER in MAY[action]


def test_a_role_holds_in_its_project_alone_or_everywhere() -> None:
    here = caller(p1=Role.LEAD)
    assert here.may(Action.PLAN, "p1")
    assert not here.may(Action.READ, "p2")
    assert not here.may(Action.READ, EVERYWHERE)
    assert here.projects() == {"p1"}
    assert caller(everywhere=Role.MEMBER).may(Action.READ, "p2")
    assert caller(everywhere=Role.MEMBER).projects() is None


def test_the_higher_of_two_roles_counts() -> None:
    both = caller(everywhere=Role.MEMBER, p1=Role.ARCHITECT)
    assert both.role("p1") is Role.ARCHITECT
    assert both.role("p2") is Role.MEMBER
    assert caller(everywhere=Role.OWNER, p1=Role.MEMBER).role("p1") is Role.OWNER


def test_a_token_for_channels_may_do_nothing_else() -> None:
    assert not any(caller(("private-team.x",), everywhere=Role.OWNER).may(action, "p") for action in Action)


def test_nobody_gives_more_than_they_have() -> None:
    architect = caller(p1=Role.ARCHITECT)
    assert [role for role in Role if architect.may_give(role, "p1")] == [
        Role.ARCHITECT,
        Role.LEAD,
        Role.MEMBER,
    ]
    assert not architect.may_give(Role.MEMBER, EVERYWHERE)
    assert not caller(everywhere=Role.LEAD).may_give(Role.MEMBER, "p1")


def test_words_become_roles() -> None:
    assert as_roles({"*": "owner"}) == {EVERYWHERE: Role.OWNER}
    with pytest.raises(ValueError, match="king"):
        as_roles({"*": "king"})


PLACES = st.sampled_from([EVERYWHERE, "p", "q"])


@given(st.dictionaries(PLACES, st.sampled_from(Role)), st.sampled_from(Role), PLACES)
def test_no_invite_opens_what_its_giver_may_not_do(
    roles: dict[str, Role], given_role: Role, place: str
) -> None:
    who = Caller("u", "f", roles)
    if who.may_give(given_role, place):
        given_to = Caller("v", "g", {place: given_role})
        for action in Action:
            for project in ("p", "q"):
                assert who.may(action, project) or not given_to.may(action, project)
    assert not any(Caller("u", "f", roles, ("c",)).may(action, place) for action in Action)


@given(st.dictionaries(st.text(), st.text() | st.sampled_from([str(role) for role in Role])))
def test_words_are_roles_or_refused(words: dict[str, str]) -> None:
    try:
        assert as_roles(words) == words
    except ValueError:
        assert not set(words.values()) <= {str(role) for role in Role}
