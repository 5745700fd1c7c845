"""Real boxes, of every layer this machine has; a layer that is missing is skipped with its reason."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from absent import absent

from maestro_ray.agent import landlock, sandbox, trial
from maestro_ray.agent.box import Bench, Box, box_for
from maestro_ray.agent.confined import Confined
from maestro_ray.agent.landlock import rules
from maestro_ray.agent.process import AgentProcess, Exit, run
from maestro_ray.errors import AgentFailed, NoSandbox

from .programs import ENV, python, until


@pytest.fixture(params=sandbox.LAYERS)
def layer(request: pytest.FixtureRequest) -> str:
    found = sandbox.tried(request.param)
    if not found.works:
        absent(f"{found.name}: {found.why}")
    return str(request.param)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    (tmp_path / "out").mkdir()
    return tmp_path


def boxed(argv: list[str], box: Box, layer: str, monkeypatch: pytest.MonkeyPatch) -> Confined:
    """The program in a box of just this layer."""
    monkeypatch.setattr(sandbox, "LAYERS", (layer,))
    pythons = (Path(sys.prefix), Path(sys.base_prefix))
    return sandbox.confine(argv, replace(box, readable=(*box.readable, *pythons)), "require")


async def sh(
    script: str, box: Box, layer: str, mark: str, monkeypatch: pytest.MonkeyPatch
) -> tuple[Exit, str]:
    return await run(boxed(["sh", "-c", script], box, layer, monkeypatch), box.directory, ENV, mark)


async def test_only_what_is_writable_can_be_changed(
    layer: str, here: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(here / "tree", writable=(here / "tree",), readable=(here / "out",))
    script = f"echo in > it; echo out > {here}/out/it; echo up > {here}/it; true"
    ended, said = await sh(script, box, layer, mark, monkeypatch)
    assert ended == Exit(0, None), said
    assert [path.relative_to(here) for path in here.rglob("it")] == [Path("tree/it")]


async def test_what_is_hidden_cannot_be_read(
    layer: str, here: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "out" / "token").write_text("s3cret")
    box = Box(here / "tree", writable=(here / "tree",), readable=(here,), hidden=(here / "out",))
    _, said = await sh(f"cat {here}/out/token; cat < {here}/out/token", box, layer, mark, monkeypatch)
    assert "s3cret" not in said


async def test_no_process_outside_can_be_signalled(
    layer: str, here: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["sleep", "600"]) as other:
        box = Box(here / "tree", writable=(here / "tree",))
        _, said = await sh(f"kill -9 {other.pid} || echo kept", box, layer, mark, monkeypatch)
        assert "kept" in said
        assert other.poll() is None
        other.kill()


async def test_temporary_files_have_a_place(
    layer: str, here: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = Box(here / "tree", writable=(here / "out", here / "tree"))
    confined = boxed(["sh", "-c", "touch $TMPDIR/it && echo made"], box, layer, monkeypatch)
    _, said = await run(confined, here / "tree", {**ENV, **confined.env}, mark)
    assert said == "made\n"


async def test_without_network_this_machine_cannot_be_reached_either(
    here: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not sandbox.tried("bubblewrap").works:
        absent(sandbox.tried("bubblewrap").why)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 5)"
        for network in (True, False):
            box = Box(here / "tree", writable=(here / "tree",), network=network)
            confined = boxed(python(code), box, "bubblewrap", monkeypatch)
            ended, _ = await run(confined, here / "tree", ENV, mark)
            assert (ended.code == 0) is network


async def test_no_abstract_socket_of_others_is_a_way_out(
    layer: str, here: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of a desktop take keystrokes, those of a container's shim commands; they are in no directory that could be
    hidden. The switches: `scope` in `shim.become`, for `sandbox run` in `landlock.scoped`; `SCOPES` in `confine`."""
    if landlock.abi() < 6:
        absent("the kernel's Landlock knows no abstract sockets")
    name = f"maestro-test-{mark}"
    code = f"""
import socket
mine = socket.socket(socket.AF_UNIX)
mine.bind("\\0{name}-mine")
mine.listen()
socket.socket(socket.AF_UNIX).connect("\\0{name}-mine")
print("mine")
socket.socket(socket.AF_UNIX).connect("\\0{name}")
print("theirs")
"""
    with socket.socket(socket.AF_UNIX) as theirs:
        theirs.bind(f"\0{name}")
        theirs.listen()
        box = Box(here / "tree", writable=(here / "tree",))
        ended, said = await run(boxed(python(code), box, layer, monkeypatch), here / "tree", ENV, mark)
        pythons = (Path(sys.prefix), Path(sys.base_prefix))
        command = sandbox.command(python(code), replace(box, readable=pythons), layer)
        done = await asyncio.to_thread(
            subprocess.run, command, cwd=box.directory, capture_output=True, text=True, check=False
        )
    for code, text in ((ended.code, said), (done.returncode, done.stdout + done.stderr)):
        assert code == 1
        assert "mine\n" in text
        assert "Operation not permitted" in text
        assert "theirs" not in text.splitlines()


async def test_an_agent_in_a_box_is_asked_before_it_is_killed(
    layer: str, here: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard of a box must not take its agent along on the first SIGTERM."""
    code = """
import signal, sys, time
def bye(*_):
    open("bye", "w").close()
    sys.exit(7)
signal.signal(signal.SIGTERM, bye)
print("ready", flush=True)
time.sleep(600)
"""
    box = Box(here / "tree", writable=(here / "tree",))
    process = await AgentProcess.start(
        boxed(python(code), box, layer, monkeypatch), cwd=here / "tree", env=ENV, mark=mark, grace=5.0
    )
    assert await process.read() == b"ready\n"
    await process.stop()
    assert (here / "tree" / "bye").exists()
    assert await process.wait() == Exit(7, None)


async def test_a_stubborn_agent_in_a_box_ends_with_its_tree(
    layer: str, here: Path, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "import os, signal, time; signal.signal(15, 1); os.fork(); os.setsid(); print('x', flush=True); time.sleep(600)"
    box = Box(here / "tree", writable=(here / "tree",))
    process = await AgentProcess.start(
        boxed(python(code), box, layer, monkeypatch), cwd=here / "tree", env=ENV, mark=mark, grace=0.1
    )
    assert await process.read()
    await process.stop()
    assert until(lambda: not Path(f"/proc/{process.identity.pid}").exists())


async def test_a_missing_program_is_said_in_its_own_name(here: Path, mark: str) -> None:
    box = Box(here / "tree", writable=(here / "tree",))
    with pytest.raises(AgentFailed, match=r"^nothing-like-it cannot be executed"):
        await AgentProcess.start(
            Confined(("nothing-like-it",), rules=rules(box)), cwd=here / "tree", env=ENV, mark=mark
        )


def test_off_is_no_box_and_require_refuses_to_go_without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "tried", lambda name: sandbox.Layer(name, works=False, why="it is missing"))
    box = Box(Path("/"))
    assert sandbox.confine(["true"], box, "off") == Confined(("true",))
    assert sandbox.confine(["true"], box, "auto") == Confined(("true",))
    with pytest.raises(NoSandbox, match="bubblewrap: it is missing; landlock: it is missing"):
        sandbox.confine(["true"], box, "require")


def test_every_promise_is_tried(layer: str, tmp_path: Path) -> None:
    broken = {each.key for each in trial.examine(layer, tmp_path) if not each.kept}
    # what Landlock does not know of; see docs/how-to/sandbox.md
    assert broken == (set() if layer == "bubblewrap" else {"pointer", "sockets", "network"})


def test_without_a_box_no_promise_is_kept(tmp_path: Path) -> None:
    kept = {each.key for each in trial.examine("", tmp_path) if each.kept}
    assert kept == {"worktree"}


def test_a_developer_uses_git_in_its_box_and_changes_nothing_of_the_repository(
    layer: str, tmp_path: Path
) -> None:
    """Real git in a real linked worktree, as a worker has it. Red (an object holds other bytes) with the directory of
    objects among what is writable."""

    def git(*words: str, cwd: Path = tmp_path / "repo") -> str:
        who = ["-c", "user.name=x", "-c", "user.email=x@example.invalid"]
        done = subprocess.run(
            ["git", *who, *words], cwd=cwd, env=ENV, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    (tmp_path / "repo").mkdir()
    git("init", "-q", "-b", "main")
    (tmp_path / "repo" / "kept").write_text("kept\n")
    git("add", ".")
    git("commit", "-q", "-m", "begin")
    git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    (tmp_path / "scratch").mkdir()
    common = tmp_path / "repo" / ".git"
    bench = Bench(tmp_path / "tree", tmp_path / "scratch", common / "worktrees" / "tree", common)
    box = box_for(bench, "execute", state=[], person=tmp_path)
    script = (
        f"echo x > kept && git checkout -q -- kept && git diff --quiet HEAD && echo y > new; "
        f"git add new; git -c user.name=x -c user.email=x@example.invalid commit -qam more; "
        f"for each in {common}/objects/??/*; do chmod u+w $each; echo evil > $each; rm -f $each; done; "
        f"git update-ref refs/heads/main HEAD; git config core.hooksPath /tmp; true"
    )
    subprocess.run(
        sandbox.command(["sh", "-c", script], box, layer),
        cwd=box.directory,
        env=ENV,
        capture_output=True,
        check=True,
    )
    assert git("log", "--format=%s", "main") == "begin"
    assert git("fsck", "--full") == ""
    assert "hooksPath" not in (common / "config").read_text()
    assert git("log", "-1", "--format=%s", cwd=tmp_path / "tree") == "begin"
    assert [(tmp_path / "tree" / name).read_text() for name in ("kept", "new")] == ["kept\n", "y\n"]
