"""One turn of one real program: its words in time, its outcome, and nothing left of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from providers.jobs import job_in

from maestro_ray.actors.turn import SOME_REST, Ears, Turn, sound_rest
from maestro_ray.agent.confined import Confined
from maestro_ray.agent.sweep import find
from maestro_ray.errors import AgentFailed
from maestro_ray.home import Home
from maestro_ray.limits_table import LimitsTable
from maestro_ray.model.agent import Failed, Finished, PermissionAsked, ToolCalled
from maestro_ray.ports import Job, ProviderSpec
from maestro_ray.testing import eventually

from .parts import ENV, a_worker, command


async def free(_job: Job, argv: Sequence[str], _env: Mapping[str, str], _more: Sequence[Path]) -> Confined:
    """No box: what these agents do is looked at from outside."""
    return Confined(tuple(argv))


class Stage:
    def __init__(
        self,
        home: Home,
        directory: Path,
        provider: ProviderSpec,
        permit: Callable[[PermissionAsked], Awaitable[str]] | None = None,
        **changes: Any,
    ) -> None:
        self.said: list[str] = []
        self.taken: list[str] = []
        self.job = job_in(directory, **changes)
        env = {**ENV, "SECRET": "s3cret", "NAMED": "yes", "RAY_AUTH_TOKEN": "key of the cluster"}
        part = a_worker(home, directory, provider, env=env)
        ears = Ears(self.said.append, lambda each, _how: self.taken.append(each), permit=permit)
        self.turn = Turn(part, self.job, ears, free)


async def test_words_do_not_wait_for_the_next_ones(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maestro_ray.actors.turn.TEXT_SECONDS", 0.5)
    stage = Stage(
        home, tmp_path, command("echo one; sleep 0.02; echo two; until [ -e go ]; do sleep 0.02; done")
    )
    await stage.turn.begin()
    finishing = asyncio.create_task(stage.turn.finish())
    await eventually(lambda: "".join(stage.said) == "one\ntwo\n")
    assert not finishing.done()
    (stage.job.worktree / "go").touch()
    assert isinstance((await finishing).event, Finished)
    await stage.turn.stop()


async def test_an_agent_that_dies_without_a_word_has_failed(home: Home, tmp_path: Path) -> None:
    stage = Stage(home, tmp_path, command("kill -9 $$"))
    await stage.turn.begin()
    end = await stage.turn.finish()
    assert isinstance(end.event, Failed)
    await stage.turn.stop()


@pytest.mark.parametrize("purpose", ["execute", "test"])
async def test_a_limit_that_was_met_is_the_first_thing_said(purpose: str, home: Home, tmp_path: Path) -> None:
    """Red without the line about `ended.limit` in `Turn.finish`."""
    given = LimitsTable(file_size=4096)

    async def limited(_job: Job, argv: Sequence[str], _env: object, _more: object) -> Confined:
        return Confined(tuple(argv), limits=given)

    job = job_in(tmp_path, purpose=purpose)
    script = "dd if=/dev/zero of=large bs=1k count=9 status=none; exit $?"
    part = a_worker(home, tmp_path, command(script), limits=given)
    turn = Turn(part, job, Ears(lambda _text: None), limited)
    await turn.begin()
    event = (await turn.finish()).event
    await turn.stop()
    said = event.reason if isinstance(event, Failed) else event.text
    assert said.startswith("it reached its limit of 4 KiB for a file ([agents.limits] file_size)")
    assert isinstance(event, Finished if purpose == "test" else Failed)


async def test_a_program_that_cannot_start_is_the_agents_fault(home: Home, tmp_path: Path) -> None:
    stage = Stage(home, tmp_path, ProviderSpec("command", "no-such-program-here"))
    with pytest.raises(AgentFailed):
        await stage.turn.begin()
    await stage.turn.stop()


async def test_stopped_in_the_middle_nothing_is_left(home: Home, tmp_path: Path) -> None:
    stage = Stage(home, tmp_path, command("setsid sleep 60 & sleep 60"))
    await stage.turn.begin()
    await eventually(lambda: len(find(f"{home.instance}:")) >= 3)
    await asyncio.gather(stage.turn.stop(), stage.turn.stop())
    assert find(f"{home.instance}:") == []
    await stage.turn.stop()


async def test_the_agent_sees_what_is_named_for_it_and_no_more(home: Home, tmp_path: Path) -> None:
    stage = Stage(home, tmp_path, command("env", env=("NAMED",)))
    await stage.turn.begin()
    await stage.turn.finish()
    await stage.turn.stop()
    seen = "".join(stage.said)
    assert "NAMED=yes" in seen
    assert "s3cret" not in seen
    assert "RAY_" not in seen


async def test_what_steers_before_the_program_runs_comes_after_its_prompt(home: Home, tmp_path: Path) -> None:
    script = tmp_path / "s.toml"
    script.write_text('[[turns]]\nsteps = [{ until = "go" }]\n')
    stage = Stage(home, tmp_path, ProviderSpec("scripted", str(script)))
    await stage.turn.steer("d1", "early")
    await stage.turn.begin()
    finishing = asyncio.create_task(stage.turn.finish())
    await eventually(lambda: stage.taken == ["d1"])
    await stage.turn.steer("d2", "now")
    await eventually(lambda: stage.taken == ["d1", "d2"])
    (stage.job.worktree / "go").touch()
    await finishing
    await stage.turn.stop()


async def test_an_agent_that_takes_no_steering_is_left_alone(home: Home, tmp_path: Path) -> None:
    stage = Stage(home, tmp_path, command("echo ok"))
    await stage.turn.steer("d1", "x")
    await stage.turn.begin()
    await stage.turn.steer("d2", "x")
    await stage.turn.finish()
    await stage.turn.stop()
    assert stage.taken == []


async def test_files_of_the_worktree_are_named_as_in_the_repository(home: Home, tmp_path: Path) -> None:
    """Red with the whole path, of which a line of 80 characters shows the directories only."""
    stage = Stage(home, tmp_path, command("true"))
    await stage.turn._take(
        [ToolCalled("edit", f"{stage.job.worktree}/src/a.py"), ToolCalled("shell", "make")]
    )
    stage.turn._flush(force=True)
    assert "".join(stage.said) == "[edit] src/a.py\n[shell] make\n"


async def test_files_of_the_launch_are_the_owners_alone(home: Home, tmp_path: Path) -> None:
    stage = Stage(home, tmp_path, command('cat "$MAESTRO_PROMPT_FILE"'))
    await stage.turn.begin()
    await stage.turn.finish()
    await stage.turn.stop()
    assert "".join(stage.said) == "Please add.\n"
    assert all(file.stat().st_mode & 0o077 == 0 for file in stage.job.scratch.iterdir())


async def test_a_link_an_earlier_turn_has_planted_is_not_written_through(home: Home, tmp_path: Path) -> None:
    """A prompt holds what other agents said. Red with `write_bytes` in place of `put_small` in `begin`."""
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    stage = Stage(home, tmp_path, command("true"))
    (path,) = stage.turn._talk.launch.files
    path.unlink(missing_ok=True)
    path.symlink_to(theirs)
    await stage.turn.begin()
    await stage.turn.finish()
    await stage.turn.stop()
    assert theirs.read_text() == "theirs"
    assert not path.is_symlink()


@pytest.mark.parametrize("refusal", ["", "not here", None])
async def test_who_asks_leave_waits_for_the_answer_and_goes_on_with_it(
    home: Home, tmp_path: Path, refusal: str | None
) -> None:
    """With None there is nobody to ask, which is no leave."""
    script = tmp_path / "s.toml"
    script.write_text('[[turns]]\nsteps = [{ ask = "touch done" }, { say = "on" }]\n')
    asked: list[PermissionAsked] = []
    answered = asyncio.Event()

    async def permit(question: PermissionAsked) -> str:
        asked.append(question)
        await answered.wait()
        return refusal or ""

    spec = ProviderSpec("scripted", str(script))
    stage = Stage(home, tmp_path, spec, permit if refusal is not None else None)
    await stage.turn.begin()
    finishing = asyncio.create_task(stage.turn.finish())
    if refusal is not None:
        await eventually(lambda: asked == [PermissionAsked("0", "run", "touch done")])
    assert not (stage.job.worktree / "done").exists()
    answered.set()
    assert isinstance((await finishing).event, Finished)
    assert (stage.job.worktree / "done").exists() == (refusal == "")
    assert ("refused: " in "".join(stage.said)) == (refusal != "")
    assert "".join(stage.said).endswith("on\n")
    await stage.turn.stop()


async def test_a_question_nobody_answers_ends_with_the_turn(home: Home, tmp_path: Path) -> None:
    script = tmp_path / "s.toml"
    script.write_text('[[turns]]\nsteps = [{ ask = "true" }]\n')
    asked = asyncio.Event()

    async def permit(_question: PermissionAsked) -> str:
        asked.set()
        await asyncio.Event().wait()
        return ""

    stage = Stage(home, tmp_path, ProviderSpec("scripted", str(script)), permit)
    await stage.turn.begin()
    finishing = asyncio.create_task(stage.turn.finish())
    await asked.wait()
    await stage.turn.stop()
    assert isinstance((await finishing).event, Failed)
    assert find(f"{home.instance}:") == []


async def test_a_question_that_cannot_be_decided_is_refused(home: Home, tmp_path: Path) -> None:
    """Red (the agent waits to the end of its time) when what goes wrong in `permit` answers nothing."""
    script = tmp_path / "s.toml"
    script.write_text('[[turns]]\nsteps = [{ ask = "touch done" }, { say = "on" }]\n')

    async def permit(_question: PermissionAsked) -> str:
        raise ValueError("nobody thought of that")

    stage = Stage(home, tmp_path, ProviderSpec("scripted", str(script)), permit)
    await stage.turn.begin()
    async with asyncio.timeout(60):
        assert isinstance((await stage.turn.finish()).event, Finished)
    assert "refused: maestro's own fault" in "".join(stage.said)
    assert not (stage.job.worktree / "done").exists()
    await stage.turn.stop()


async def test_an_agent_that_stays_after_its_last_word_is_ended(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Red without `_leave`: its standard output never ends."""
    monkeypatch.setattr("maestro_ray.actors.turn.LINGER", 0.1)
    stage = Stage(home, tmp_path, command("echo first; sleep 60"))
    talk = stage.turn._talk
    monkeypatch.setattr(talk, "feed", lambda _data: [Finished("done")])
    await stage.turn.begin()
    assert (await stage.turn.finish()).event == Finished("done")
    await stage.turn.stop()
    assert find(f"{home.instance}:") == []


async def test_a_refused_request_of_the_agent_is_shown(home: Home, tmp_path: Path) -> None:
    script = tmp_path / "s.toml"
    script.write_text('[[turns]]\nsteps = [{ retry = "overloaded" }]\n')
    stage = Stage(home, tmp_path, ProviderSpec("scripted", str(script)))
    await stage.turn.begin()
    await stage.turn.finish()
    await stage.turn.stop()
    assert "".join(stage.said) == "[retry 1] overloaded\n"


async def test_settings_are_the_persons_own_with_ours_under_them(home: Home, tmp_path: Path) -> None:
    """A file of its own, which an agent may change and the person's stays; red with a link in its place."""
    person = tmp_path / "person"
    (person / ".agent").mkdir(parents=True)
    (person / ".agent" / "settings.json").write_text('{"tries": 7}')
    stage = Stage(home, tmp_path, command('cd "$MAESTRO_SCRATCH"; cat settings.json; echo x > settings.json'))
    path = stage.job.scratch / "settings.json"
    launch = replace(
        stage.turn._talk.launch,
        links={path: "~/.agent/settings.json"},
        defaults={path: b'{"tries": 3, "update": false}'},
    )
    stage.turn._talk._launch = replace(launch, env={**launch.env, "HOME": str(person)})
    await stage.turn.begin()
    assert isinstance((await stage.turn.finish()).event, Finished)
    await stage.turn.stop()
    assert json.loads("".join(stage.said)) == {"tries": 7, "update": False}
    assert path.read_text() == "x\n"
    assert (person / ".agent" / "settings.json").read_text() == '{"tries": 7}'


async def test_links_lead_to_what_the_person_has_and_to_nothing_an_agent_laid(
    home: Home, tmp_path: Path
) -> None:
    """Red (the link is made in another place) without the first lines of `_lay`."""
    person, elsewhere = tmp_path / "person", tmp_path / "elsewhere"
    elsewhere.mkdir()
    (person / ".agent").mkdir(parents=True)
    (person / ".agent" / "login").write_text("mine")
    stage = Stage(home, tmp_path, command("cat ../scratch/agent/login; ls ../scratch/agent"))
    scratch = stage.job.scratch
    (scratch / "agent").symlink_to(elsewhere)
    launch = stage.turn._talk.launch
    links = {scratch / "agent" / name: f"~/.agent/{name}" for name in ("login", "absent")}
    stage.turn._talk._launch = replace(launch, links=links, env={**launch.env, "HOME": str(person)})
    await stage.turn.begin()
    await stage.turn.finish()
    await stage.turn.stop()
    assert "".join(stage.said) == "minelogin\n"
    assert list(elsewhere.iterdir()) == []


async def test_only_what_the_agent_must_write_is_writable_in_its_box(home: Home, tmp_path: Path) -> None:
    asked: list[Sequence[Path]] = []

    async def note(_job: Job, argv: Sequence[str], _env: object, writable: Sequence[Path]) -> Confined:
        asked.append(writable)
        return Confined(tuple(argv))

    job = job_in(tmp_path)
    turn = Turn(a_worker(home, tmp_path, command("true")), job, Ears(lambda _text: None), note)
    launch = turn._talk.launch
    person = {**launch.env, "HOME": "/home/person"}
    turn._talk._launch = replace(launch, writes=("~/.agent/login", "/var/agent"), env=person)
    await turn.begin()
    await turn.finish()
    await turn.stop()
    assert asked == [[Path("/home/person/.agent/login"), Path("/var/agent")]]


@pytest.mark.parametrize("asks", [True, False])
async def test_the_time_of_a_turn_stands_while_a_person_is_asked(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asks: bool
) -> None:
    """Red without `_time_stands`, and (asked for nothing) without the limit."""
    script = tmp_path / "s.toml"
    step = 'ask = "echo yes > asked"' if asks else "wait = 600"
    script.write_text(f"[[turns]]\n[[turns.steps]]\n{step}\n")
    # an agent that asks has as long to begin as a slow machine needs
    limit = 60 if asks else 2
    loop = asyncio.get_running_loop()
    now = loop.time

    async def slow(_question: PermissionAsked) -> str:
        monkeypatch.setattr(loop, "time", lambda: now() + 2 * limit)
        await asyncio.sleep(0.1)
        return ""

    job = job_in(tmp_path)
    spec = ProviderSpec("scripted", str(script))
    part = a_worker(home, tmp_path, spec, limits=LimitsTable(time=limit))
    turn = Turn(part, job, Ears(lambda _text: None, permit=slow), free)
    await turn.begin()
    event = (await turn.finish()).event
    await turn.stop()
    assert isinstance(event, Finished if asks else Failed)
    if isinstance(event, Failed):
        assert event.reason == "it reached its limit of 2 seconds for a turn ([agents.limits] time)"


@pytest.mark.parametrize(
    ("said", "rest"),
    [
        (1e15, SOME_REST),
        (math.inf, SOME_REST),
        (math.nan, SOME_REST),
        (-5.0, 0.0),
        (7 * 86400.0, 7 * 86400.0),
    ],
)
def test_a_limit_that_ends_in_a_thousand_years_is_a_mistake(said: float, rest: float) -> None:
    """A run that pauses so long would wait for ever: Studio does not take such a time."""
    assert sound_rest(said) == rest


async def test_the_time_stands_until_the_last_of_several_questions_is_answered(
    home: Home, tmp_path: Path
) -> None:
    """Red (it runs on while a person still thinks) when each question sets the time going again."""
    turn = Stage(home, tmp_path, command("true")).turn
    async with asyncio.timeout(60) as turn._patience:
        due = turn._patience.when()
        with contextlib.ExitStack() as second:
            with turn._time_stands():
                second.enter_context(turn._time_stands())
            assert turn._patience.when() is None
        await asyncio.sleep(0)
        again = turn._patience.when()
        assert due is not None
        assert again is not None
        assert due <= again < due + 5
