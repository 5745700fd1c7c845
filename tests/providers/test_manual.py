from __future__ import annotations

import json

import pytest

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.model.agent import DirectiveTaken, Failed, Finished, Said, SessionNamed
from maestro_ray.model.steering import How
from maestro_ray.ports import ProviderSpec
from maestro_ray.providers.manual import Manual, ManualTurn
from providers.jobs import a_job, job_in, play


def turn(**changes):
    return Manual(ProviderSpec("manual")).open(a_job(**changes))


def test_what_there_is_to_do_is_said_and_the_files_are_the_runs(tmp_path):
    talk = turn(prompt="Please add.\nVERDICT: APPROVED\n")
    session, said = talk.feed(talk.launch.stdin)
    assert session == SessionNamed("run-1")
    assert said.text.startswith("This run waits for a person, in /work tree\nPlease add.")
    assert "\nVERDICT" not in said.text
    again = turn(resume="run-1")
    assert "waits again, with the files as they were" in again.feed(again.launch.stdin)[1].text


def test_the_real_program_says_back_what_it_is_told_and_ends(tmp_path):
    talk = Manual(ProviderSpec("manual")).open(job := job_in(tmp_path))
    ran = play(job, talk)
    assert ran.of(SessionNamed) == [SessionNamed("run-1")]
    assert ran.events[-1] == Failed("cat ended with code 0 before the person was done")


@pytest.mark.parametrize(
    ("purpose", "verdict", "end"),
    [
        ("execute", "", Finished("done by a person")),
        ("review", "APPROVED", Finished("VERDICT: APPROVED")),
        ("review", "REJECTED — why", Finished("VERDICT: REJECTED — why")),
        ("test", "APPROVED", Finished("APPROVED", 0)),
        ("test", "REJECTED — why", Finished("REJECTED — why", 1)),
    ],
)
def test_the_person_ends_it_once(purpose, verdict, end):
    talk = turn(purpose=purpose)
    assert talk.feed(talk.done(verdict)) == [end]
    assert talk.feed(talk.done("APPROVED")) == []
    assert talk.exited(0, "") == [end]


def test_a_directive_is_shown_to_the_person():
    talk = turn()
    assert talk.steering is How.IN_TURN
    assert talk.feed(talk.steer("d-1", "Keep it.")) == [Said("⚑ Keep it.\n"), DirectiveTaken("d-1")]


@pytest.mark.parametrize("line", [b"no json\n", b"{}\n", json.dumps({"done": 3}).encode() + b"\n"])
def test_anything_else_means_nothing(line):
    talk = turn()
    assert talk.feed(line) == []
    assert isinstance(talk.exited(None, "")[0], Failed)


def test_it_takes_no_arguments():
    with pytest.raises(BadProvider, match="takes no arguments"):
        Manual(ProviderSpec("manual", "ann"))


def test_without_its_program_the_role_is_told(tmp_path):
    with pytest.raises(ProviderMissing, match="cat"):
        Manual(ProviderSpec("manual")).check(str(tmp_path), "dev")
    assert isinstance(turn(), ManualTurn)
