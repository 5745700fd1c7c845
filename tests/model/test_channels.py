from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.ids import new_id
from maestro_ray.model import channels
from maestro_ray.protocol.auth import needs_auth, valid_channel


def test_the_channels_are_private_and_have_names_pusher_allows() -> None:
    project = new_id()
    assert channels.project(project) == f"private-project.{project}"
    assert channels.team("maestro-abc123") == "private-team.maestro-abc123"
    for name in (channels.project(project), channels.team("maestro-abc123")):
        assert valid_channel(name)
        assert needs_auth(name)


def test_four_forms_of_names_are_ours() -> None:
    for name in ("private-project.x", "presence-project.x", "private-team.x", "presence-team.x"):
        assert channels.is_ours(name)
    for name in ("", "project.x", "private-projects.x", "presence-", "private-encrypted-project.x", "chat"):
        assert not channels.is_ours(name)
        assert channels.project_in(name) is channels.team_in(name) is None


def test_a_name_says_what_it_is_about() -> None:
    for kind in ("private", "presence"):
        assert channels.project_in(f"{kind}-project.a.b") == "a.b"
        assert channels.team_in(f"{kind}-team.a.b") == "a.b"
        assert channels.project_in(f"{kind}-team.x") is channels.team_in(f"{kind}-project.x") is None


@given(st.text())
def test_a_name_comes_back_and_any_other_text_is_about_one_thing_at_most(text: str) -> None:
    assert channels.project_in(channels.project(text)) == text
    assert channels.team_in(channels.team(text)) == text
    found = [channels.project_in(text), channels.team_in(text)]
    assert (found != [None, None]) == channels.is_ours(text)
    assert None in found
