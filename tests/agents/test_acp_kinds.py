"""OpenCode, Gemini and Qwen through our own adapters: how their turns end, what they are refused, how they are taken up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from actors.parts import a_worker
from actors.test_turn import free
from models.script import Part, Refuse, Say
from models.server import ModelServer, playing
from models.tools import Run, Write, wait_for
from providers.jobs import a_job

from maestro_ray.actors.turn import Ears, Turn
from maestro_ray.agent.sweep import find
from maestro_ray.home import Home
from maestro_ray.model.agent import Failed, Finished, PermissionAsked
from maestro_ray.model.steering import How
from maestro_ray.ports import Job, ProviderSpec

from .gemini import MODEL
from .opencode import OPENCODE
from .recipes import RECIPES
from .workplace import Workplace

# by which a place knows its processes
_MARK = "MAESTRO_TEST_AGENT"
KINDS = {
    "opencode": ProviderSpec("opencode", "scripted/model", env=(_MARK, *OPENCODE.env(""))),
    "gemini": ProviderSpec("gemini", MODEL, env=(_MARK,)),
    "qwen": ProviderSpec("qwen", env=(_MARK,)),
}
# as nobody knows it before it has said its name
ANY = ProviderSpec("acp", "opencode acp", env=(_MARK, *OPENCODE.env("")))
CHANGE_FILES = {"write", "edit", "patch", "apply_patch", "write_file", "replace", "notebook_edit"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home", tmp_path / "home" / "run")
    home.prepare()
    return home


async def granted(_question: PermissionAsked) -> str:
    return ""


class Stage:
    """A place with a scripted model, and turns of one kind of agent there."""

    def __init__(self, home: Home, kind: str, place: Workplace, model: ModelServer) -> None:
        self.said, self.session, self.model, self.place = "", "", model, place
        self.taken: list[How] = []
        self.asked: list[PermissionAsked] = []
        env = dict(RECIPES["opencode" if kind == "acp" else kind].environment(model.url, place))
        self._part = a_worker(home, place.folder, KINDS.get(kind, ANY), env=env)
        scratch = place.folder.parent / "scratch"
        scratch.mkdir(exist_ok=True)
        self.job = a_job(worktree=place.folder, scratch=scratch, prompt="Begin.")

    @asynccontextmanager
    async def turn(
        self, permit: Callable[[PermissionAsked], Awaitable[str]] = granted, **changes: str
    ) -> AsyncIterator[Turn]:
        async def ask(question: PermissionAsked) -> str:
            self.asked.append(question)
            return await permit(question)

        def say(text: str) -> None:
            self.said += text

        ears = Ears(say, lambda _each, how: self.taken.append(how), named=self._name, permit=ask)
        turn = Turn(self._part, self._changed(changes), ears, free)
        await turn.begin()
        try:
            yield turn
        finally:
            await turn.stop()

    def _changed(self, changes: dict[str, str]) -> Job:
        return replace(self.job, **changes)  # type: ignore[arg-type]

    def _name(self, _run: str, session: str) -> None:
        self.session = session


@asynccontextmanager
async def stage(home: Home, kind: str, tmp_path: Path, *parts: Part) -> AsyncIterator[Stage]:
    place = Workplace(tmp_path / "place")
    async with playing(*parts) as model:
        yield Stage(home, kind, place, model)
    assert not model.broken, model.broken
    # of Qwen: what a person would type next, asked with the whole conversation after each turn
    assert not [each for each in model.asked if "SUGGESTION MODE" in each.question.said]
    assert await place.left_behind() == []
    assert find(f"{home.instance}:") == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_refused_account_is_known(home: Home, kind: str, tmp_path: Path) -> None:
    async with (
        stage(home, kind, tmp_path, Part((Refuse(401, "invalid x-api-key"),))) as at,
        at.turn() as turn,
    ):
        end = await turn.finish()
    assert isinstance(end.event, Failed)
    assert end.event.signed_out
    assert "invalid x-api-key" in end.event.reason


@pytest.mark.parametrize("kind", KINDS)
async def test_a_limit_is_known_before_long(home: Home, kind: str, tmp_path: Path) -> None:
    """Gemini would be silent for four minutes, and Qwen for as many as it has attempts."""
    words = "Number of requests has exceeded your rate limit"
    async with (
        stage(home, kind, tmp_path, Part((Refuse(429, words, retry_after=1),))) as at,
        at.turn() as turn,
        asyncio.timeout(200),
    ):
        end = await turn.finish()
    assert isinstance(end.event, Failed)
    assert end.limited is not None
    assert end.limited.retry_after == (1.0 if kind == "gemini" else 60.0)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_it_is_refused_it_is_told_and_it_goes_on(home: Home, kind: str, tmp_path: Path) -> None:
    async def refuse(_question: PermissionAsked) -> str:
        return "no files of that kind"

    part = Part((Run("touch x"), Say("Then not.")))
    async with stage(home, kind, tmp_path, part) as at, at.turn(refuse) as turn:
        end = await turn.finish()
        assert end.event == Finished("Then not.")
        assert [(each.tool, each.detail) for each in at.asked] == [("shell", "touch x")]
        assert not (at.place.folder / "x").exists()
        # the protocol has no place for a reason; who would end here is told it in a prompt
        heard = any("no files of that kind" in each.question.said for each in at.model.asked)
        assert heard == (kind != "gemini")


async def test_what_the_persons_own_settings_deny_opencode_is_not_asked_for(
    home: Home, tmp_path: Path
) -> None:
    """Ours are laid over them: rules for single commands after one for `*` go on to hold."""
    part = Part((Run("touch x"), Say("Then not.")))
    async with stage(home, "opencode", tmp_path, part) as at:
        own = at.place.home / ".config" / "opencode" / "opencode.json"
        own.parent.mkdir(parents=True)
        own.write_text(json.dumps({"permission": {"bash": {"*": "allow", "touch *": "deny"}}}))
        async with at.turn() as turn:
            await turn.finish()
        assert at.asked == []
        assert not (at.place.folder / "x").exists()


@pytest.mark.parametrize("kind", KINDS)
async def test_who_reviews_is_offered_no_tool_that_changes_files(
    home: Home, kind: str, tmp_path: Path
) -> None:
    async with stage(home, kind, tmp_path, Part((Say("VERDICT: APPROVED"),))) as at:
        for purpose in ("execute", "review"):
            async with at.turn(purpose=purpose) as turn:
                assert (await turn.finish()).event == Finished("VERDICT: APPROVED")
            offered = {
                name for each in at.model.asked if not each.question.aside for name in each.question.tools
            }
            assert bool(offered & CHANGE_FILES) == (purpose == "execute"), offered
            at.model.asked.clear()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_turn_that_was_cut_is_taken_up(home: Home, kind: str, tmp_path: Path) -> None:
    parts = (
        Part((Write("hello.txt", "hello\n"), wait_for("go"), Say("Done.")), words="Begin"),
        Part((Say("I go on."),), words="Go on"),
    )
    async with stage(home, kind, tmp_path, *parts) as at:
        async with at.turn() as turn:
            finishing = asyncio.create_task(turn.finish())
            await at.place.command_runs("while [ ! -e go ]")
            await turn.stop()
            assert isinstance((await finishing).event, Failed)
        at.said, cut = "", at.session
        async with at.turn(resume=cut, prompt="Go on.") as turn:
            assert (await turn.finish()).event == Finished("I go on.")
        remembers = "Begin." in at.model.asked[-1].question.said
    # Gemini loses a session that is taken up in the minute in which it began
    assert remembers == (kind != "gemini")
    assert ("[retry 1] its session could not be taken up" in at.said) == (kind == "gemini")
    assert (at.session == cut) == (kind != "gemini")
    # what it said before is not said again
    assert "hello.txt" not in at.said


@pytest.mark.parametrize(
    ("kind", "how"),
    [("gemini", How.RESTART), ("qwen", How.IN_TURN), ("opencode", How.IN_TURN), ("acp", How.IN_TURN)],
)
async def test_steered_it_hears_leaves_nothing_and_ends(
    home: Home, kind: str, how: How, tmp_path: Path
) -> None:
    """Gemini stays when its input closes after an interrupt: red for it without the `stop` in `Turn._leave`."""
    parts = (
        Part((wait_for("go"), Say("Done.")), words="Begin"),
        Part((Say("Heard it."),), words="Keep the API"),
    )
    async with stage(home, kind, tmp_path, *parts) as at, at.turn() as turn:
        finishing = asyncio.create_task(turn.finish())
        await at.place.command_runs("while [ ! -e go ]")
        await turn.steer("d-1", "Keep the API.")
        (at.place.folder / "go").touch()
        end = await finishing
    assert at.taken == [how]
    assert end.event == Finished("Heard it.")
