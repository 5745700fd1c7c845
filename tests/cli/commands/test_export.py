"""A team that was real, with a plan that was rejected once, exported as a person would."""

from __future__ import annotations

import asyncio
import io
import json
import os
import stat

import pytest
from actors.stage import begin, end
from transcript.example import messages, transcript
from workspace.sample import Sample

from maestro_cli import invocation, main
from maestro_cli.commands import export as command
from maestro_cli.invocation import Invocation
from maestro_ray.connection import account
from maestro_ray.connection.account import Account
from maestro_ray.connection.identities import Identities
from maestro_ray.testing import LocalMaestro
from maestro_ray.transcript.document import Transcript
from maestro_ray.transcript.spool import Spool

KNOWN = "hunter2-of-this-shell"
SHAPED = "ghp_" + "a1B2" * 9
HOSTILE = f"Use {KNOWN} and {SHAPED}\n```\n<script>alert(1)</script> \x1b[2J \u202e"


def reviewer(tmp_path):
    """Rejects once."""
    flag = tmp_path / "seen"
    reject = 'echo "VERDICT: REJECTED — the file has one line only"'
    path = tmp_path / "review.sh"
    path.write_text(
        f"#!/bin/sh\nif [ -e {flag} ]; then echo VERDICT: APPROVED; else touch {flag}; {reject}; fi\n"
    )
    path.chmod(0o755)
    return f"command:{path}"


def developer(tmp_path):
    path = tmp_path / "dev.toml"
    steps = "steps = [{ run = 'echo step >> $MAESTRO_KEY.txt' }, { usage = { input = 1000, output = 10, cost = 0.2 } }]"
    path.write_text(f"[[turns]]\n{steps}\n[[turns]]\n{steps}\n")
    return f"scripted:{path}"


class Exports:
    """The program, run beside the Studio that it reads."""

    def __init__(self, capsys, repo, maestro):
        self._capsys, self.repo, self.maestro = capsys, repo, maestro

    async def run(self, *words, cwd=None):
        """Exit code, standard output and standard error."""
        code = await asyncio.to_thread(main.run, ["-C", str(cwd or self.repo), "export", *words])
        return (code, *self._capsys.readouterr())

    async def text(self, *words):
        code, out, err = await self.run(*words)
        assert (code, err) == (0, "")
        return out

    async def error(self, *words, cwd=None):
        """Exit code and what was said, of what does not work and prints nothing else."""
        code, out, err = await self.run(*words, cwd=cwd)
        assert (code > 0, out) == (True, "")
        return code, err


@pytest.fixture
async def exports(home, daemon, sample, tmp_path, monkeypatch, capsys):
    for name in [name for name in os.environ if name.startswith(("GIT_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("SHOP_PASSWORD", KNOWN)
    daemon.answers["studio.info"] = lambda *_: {}
    async with LocalMaestro(home) as maestro:
        (home.run / "studio.json").write_text(json.dumps({"url": maestro.studio.url, "pid": os.getpid()}))
        yield Exports(capsys, sample.path, maestro)


@pytest.fixture
async def rejected_once(exports, sample, tmp_path):
    """A team of a developer and a reviewer, and its work, which is over."""
    task = {"id": "one", "title": "Write | one", "description": f"{HOSTILE} in {tmp_path}/x"}
    given = await begin(
        exports.maestro,
        sample,
        roles={"dev": 1, "review": 1},
        providers={"dev": developer(tmp_path), "review": reviewer(tmp_path)},
        plan={"title": "A plan", "test": "true", "tasks": [task]},
        budget={"team_usd": 5.0},
    )
    await exports.maestro.call("steer", team=given["team"]["name"], text="Write clearly")
    result = await end(exports.maestro)
    assert [each["verdict"] for each in result["verdicts"]] == ["REJECTED", "APPROVED"]
    return given["team"]


async def document(exports, *words):
    """The document, checked against its model; the messages come behind it."""
    told = json.loads(await exports.text("--format", "json", *words))
    messages = told.pop("messages")
    return Transcript.model_validate(told), messages


async def test_the_whole_story_of_a_team_that_has_ended(exports, rejected_once, sample, tmp_path):
    """Red where `read.find` looks for teams that run only, and where cards or verdicts are left out."""
    transcript, messages = await document(exports)
    assert (transcript.scope.kind, transcript.team.name) == ("team", rejected_once["name"])
    assert transcript.team.status == "ended"
    assert [each.name for each in transcript.members] == ["maestro", "dev-1", "review-1"]
    assert [each.text for each in transcript.directives] == ["Write clearly"]
    (plan,) = transcript.plans
    (task,) = plan.tasks
    assert (plan.status, task.status, task.revisions) == ("completed", "completed", 1)
    assert [(each.verdict, each.worker) for each in task.verdicts] == [
        ("REJECTED", "review-1"),
        ("APPROVED", "review-1"),
    ]
    assert "the file has one line only" in task.verdicts[0].reason
    assert [each.purpose for each in task.runs] == ["execute", "review", "execute", "review", "merge"]
    assert [each.purpose for each in plan.runs] == ["bootstrap_epic", "release", "release_cleanup"]
    first, second, merged = task.diffs
    assert (first.patch.text.count("\n+step"), second.patch.text.count("\n+step")) == (1, 1)
    assert (merged.what, merged.insertions, merged.patch.text.count("\n+step")) == ("merged", 2, 2)
    assert [each["number"] for each in messages] == sorted(each["number"] for each in messages)
    assert {"run.started", "run.ended", "directive"} <= {each["kind"] for each in messages}
    cost = transcript.cost
    assert (cost.total.cost_usd, cost.total.input_tokens, cost.total.output_tokens) == (0.4, 2000, 20)
    assert [(each.name, each.cost_usd) for each in cost.roles] == [("dev", 0.4)]
    assert [(each.cost_usd, each.runs) for each in cost.models] == [(0.4, 2)]
    assert [(each.name, each.cost_usd) for each in cost.tasks] == [("Write | one", 0.4)]
    assert (cost.caps, cost.cap_usd) == ({"team_usd": 5.0}, 5.0)
    assert cost.burn.startswith("$0.40 of $5.00")


async def test_nothing_secret_and_no_place_of_the_home_is_in_it(exports, rejected_once, tmp_path, home):
    """Red with `Discreet.hide` that returns its text."""
    token = json.loads((home.run / "tokens.json").read_text())["access_token"]
    for form in ("md", "html", "json"):
        text = await exports.text("--format", form)
        for secret in (KNOWN, SHAPED, token, str(tmp_path), str(home.root), "\x1b"):
            assert secret not in text, (form, secret)
        assert ("\u202e" in text) == (form == "json")
        assert "***" in text
        assert "Write clearly" in text


async def test_a_session_and_a_run_have_a_transcript_of_their_own(exports, rejected_once):
    whole, _ = await document(exports)
    (review,) = [each for each in whole.members if each.name == "review-1"]
    session, messages = await document(exports, "--session", review.session[-8:])
    assert (session.scope.kind, session.scope.name) == ("session", "review-1")
    assert {run.purpose for run in session.plans[0].tasks[0].runs} == {"review"}
    assert {each["sender"] for each in messages} == {"review-1"}
    run = whole.plans[0].tasks[0].runs[0]
    alone, messages = await document(exports, "--run", run.id)
    assert [each.id for each in alone.plans[0].tasks[0].runs] == [run.id]
    assert {each["body"]["run"] for each in messages} == {run.id}
    assert alone.cost.total.cost_usd == 0.2


async def test_a_file_is_written_whole_and_never_over_another(exports, rejected_once, tmp_path):
    target = tmp_path / "out" / "team.html"
    code, error = await exports.error("-o", str(target))
    assert (code, "cannot write to" in error) == (1, True)
    target.parent.mkdir()
    told = await exports.text("-o", str(target))
    assert told == f"wrote {target}: {target.stat().st_size:,} bytes, 1 task, {told.split()[-2]} messages\n"
    assert target.read_text().startswith("<!doctype html>")
    assert stat.S_IMODE(target.stat().st_mode) == 0o666 & ~_mask()
    before = target.read_text()
    code, error = await exports.error("-o", str(target), "--format", "md")
    assert (code, "exists already" in error, "--force" in error) == (1, True, True)
    assert target.read_text() == before
    told = json.loads(await exports.text("-o", str(target), "--format", "md", "--force", "--json"))
    assert (told["kind"], told["action"], told["status"], told["format"]) == ("export", "write", "ok", "md")
    assert (told["bytes"], told["tasks"]) == (target.stat().st_size, 1)
    assert target.read_text().startswith("# Team ")
    code, error = await exports.error("-o", str(target.parent))
    assert (code, "is a directory" in error) == (2, True)
    assert [each.name for each in target.parent.iterdir()] == ["team.html"]


def _mask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


async def test_with_json_it_is_one_object_whatever_the_form(exports, rejected_once):
    told = json.loads(await exports.text("--json", "--format", "json"))
    assert (told["kind"], told["action"], told["status"]) == ("export", "show", "ok")
    assert told["transcript"]["team"]["name"] == rejected_once["name"] == told["team"]
    assert len(told["transcript"]["messages"]) == told["messages"]
    told = json.loads(await exports.text("--json"))
    assert told["text"].startswith(f"# Team {rejected_once['name']}\n")


async def test_the_team_that_ran_last_is_meant(exports, rejected_once, sample):
    again = await begin(exports.maestro, sample)
    assert (await document(exports))[0].team.name == again["team"]["name"]
    await exports.maestro.until("team.ended", again["team"]["name"])
    assert (await document(exports))[0].team.name == again["team"]["name"]
    assert (await document(exports, "--team", rejected_once["name"]))[0].team.id == rejected_once["id"]
    assert (await document(exports, "--team", rejected_once["id"]))[0].team.name == rejected_once["name"]


async def test_what_cannot_be_exported_is_said(exports, rejected_once, tmp_path):
    said = {
        ("--team", "a", "--run", "b"): (2, "--team and --run cannot be given together"),
        ("--format", "pdf"): (2, "there is no format 'pdf'"),
        ("--team", "nobody"): (1, "there is no team 'nobody'"),
        ("--run", "0" * 12): (1, f"there is no run '{'0' * 12}'"),
        ("--session", "%%%%"): (2, "'%%%%' is no id of a session"),
        ("--force",): (2, "--force is about a file"),
    }
    for words, (code, text) in said.items():
        ended, error = await exports.error(*words)
        assert (ended, text in error) == (code, True), (words, error)
    other = Sample.make(tmp_path / "other").path
    code, error = await exports.error(cwd=other)
    assert (code, "there is no team of" in error) == (1, True)
    await begin(exports.maestro, Sample(other))
    code, error = await exports.error("--team", rejected_once["name"], cwd=other)
    assert (code, "is of the project" in error) == (2, True)
    empty = tmp_path / "empty"
    empty.mkdir()
    code, error = await exports.error(cwd=empty)
    assert (code, "is not inside a git repository" in error) == (1, True)
    code, out, err = await exports.run("--team", rejected_once["name"], cwd=empty)
    assert (code, err) == (0, "")
    assert "Not shown: the repository is not here" in out


async def test_a_studio_that_is_away_or_refuses_is_named_and_nothing_is_written(
    exports, rejected_once, tmp_path, monkeypatch
):
    target = tmp_path / "team.md"
    await exports.maestro.studio.stop()
    code, error = await exports.error("-o", str(target))
    assert (code, "does not answer" in error) == (1, True)
    assert not target.exists()
    await exports.maestro.studio.start()
    (exports.maestro.home.run / "tokens.json").unlink()
    code, error = await exports.error("-o", str(target))
    assert (code, "not signed in" in error) == (1, True)
    assert not target.exists()


async def test_who_raised_a_cap_is_told_to_those_who_may_know(exports, sample, tmp_path, monkeypatch):
    """Red without `answered` of the audit log; and where a role that may not read it fails the whole."""
    monkeypatch.setattr("maestro_ray.actors.worker.AGAIN", 0.05)
    monkeypatch.setattr("maestro_ray.actors.purse.EVERY", 0.05)
    maestro = exports.maestro
    given = await begin(
        maestro,
        sample,
        roles={"dev": 1, "review": 1},
        providers={"dev": developer(tmp_path), "review": reviewer(tmp_path)},
        budget={"team_usd": 0.35},
    )
    asked = await maestro.until("decision.requested")
    await maestro.call("decide.answer", id=asked["decision"]["id"], answer="raise")
    await end(maestro)
    transcript, _ = await document(exports)
    assert [(each.by, each.answer) for each in transcript.cost.answers] == [("operator", "raise")]
    assert (transcript.cost.caps, transcript.cost.cap_usd) == ({"team_usd": 0.35}, 0.7)
    assert ("budget", "operator") in [(each.kind, each.answered_by) for each in transcript.decisions]
    assert "operator said **raise**" in await exports.text()

    await asyncio.to_thread(join, maestro, "colleague", "lead", transcript.project.key)
    seen, _ = await document(exports, "--identity", "colleague")
    assert (seen.team.name, seen.cost.answers[0].by, seen.notes) == (
        given["team"]["name"],
        "",
        ["Who answered the decisions is not told: your role does not open the audit log."],
    )


async def test_who_has_no_right_to_see_a_team_learns_nothing_of_it(exports, rejected_once, tmp_path):
    await asyncio.to_thread(add_project, exports.maestro, "github:acme/other")
    await asyncio.to_thread(join, exports.maestro, "stranger", "member", "github:acme/other")
    code, error = await exports.error("--identity", "stranger")
    assert (code, "there is no team of" in error) == (1, True)
    for team in (rejected_once["name"], rejected_once["id"]):
        code, error = await exports.error("--identity", "stranger", "--team", team)
        assert (code, f"there is no team '{team}'" in error) == (1, True)


def add_project(maestro, key):
    owner(maestro).call("POST", "projects", {"key": key, "name": "other"})


def owner(maestro):
    identities = Identities(maestro.home)
    return Account(identities, identities.named("local"))


def join(maestro, name, role, key):
    """Somebody else at the same Studio, with a role in one project, becomes an identity of this home."""
    invite, identities = owner(maestro).invite(role, key)["token"], Identities(maestro.home)
    who = identities.invited(maestro.studio.url, name)
    account.redeem(identities, who, invite, name, in_file=True)


class Screen(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_for_a_terminal_and_leaves_nothing_there(monkeypatch):
    """Beside standard output, which is the transcript."""
    monkeypatch.setattr("sys.stderr", screen := Screen())
    with command._progress() as tell:
        tell("reading runs")
        assert screen.getvalue() == "\r\x1b[Kreading runs …"
    assert screen.getvalue().endswith("\r\x1b[K")
    monkeypatch.setattr("sys.stderr", pipe := io.StringIO())
    with command._progress() as tell:
        tell("reading runs")
    assert pipe.getvalue() == ""


@pytest.mark.parametrize("form", ["json", "html", "md"])
@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_the_object_is_json_whatever_a_stream_can_hold(monkeypatch, form, encoding):
    """Red where what an encoding lacks is written as `\\xe4`."""
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding, errors="backslashreplace", newline="")
    monkeypatch.setattr("sys.stdout", stream)
    monkeypatch.setattr(invocation, "current", Invocation(json=True))
    text = 'Größe 😀 \n " \\ \x00 ⚑'
    with Spool() as said:
        said.extend(messages(text))
        command._print(form, transcript(text), said)
    told = json.loads(raw.getvalue().decode(encoding))
    if form == "json":
        assert told["transcript"]["plans"][0]["title"] == told["transcript"]["messages"][0]["text"] == text
    else:
        assert "Größe 😀" in told["text"]
    stream.detach()
