"""`maestro team`: the main job, from words on a command line to merged work."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from maestro_cli import invocation
from maestro_cli.daemon_line import connect_or_start, connect_to_teams
from maestro_cli.render import out
from maestro_ray.config import Config
from maestro_ray.errors import BadProvider, DaemonUnavailable, NoTeam, UsageError
from maestro_ray.home import Home

if TYPE_CHECKING:
    from maestro_ray.actors.request import TeamRequest

WORDS = ("status", "stop", "logs", "watch")


def register(app: typer.Typer) -> None:
    app.command(
        context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
        epilog='Example: maestro team --dev 2 --review 1 --test 1 --provider lead=claude "Users can log in"    Or: '
        "maestro team --dev 2 --review 1 --test 1 --plan plan.toml --provider dev=scripted:script.toml "
        "--provider review=command:./review.sh    Then: maestro team status | watch | logs | stop",
    )(team)


def team(
    context: typer.Context,
    dev: Annotated[int, typer.Option(help="Developers.")] = 0,
    review: Annotated[int, typer.Option(help="Reviewers: nothing is merged without a verdict.")] = 0,
    test: Annotated[int, typer.Option(help="Testers.")] = 0,
    plan: Annotated[
        str, typer.Option(metavar="FILE", help="The work, as a TOML plan; - reads standard input.")
    ] = "",
    task: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="One task in words; may be repeated.")
    ] = None,
    provider: Annotated[
        list[str] | None,
        typer.Option(metavar="ROLE=NAME[:ARG]", help="Who does a role, or the lead; may be repeated."),
    ] = None,
    with_skill: Annotated[
        list[str] | None,
        typer.Option(metavar="A,B", help="Skills that every worker is told of; may be repeated."),
    ] = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Carry out the plan that is made of a goal, unseen.")
    ] = False,
    base: Annotated[
        str, typer.Option(metavar="BRANCH", help="Released into; by default the branch you are on.")
    ] = "",
    name: Annotated[str, typer.Option(metavar="BOT", help="The bot name in commits and reports.")] = "",
    max_cost: Annotated[
        str, typer.Option(metavar="USD", help="At this cost the team pauses and asks you.")
    ] = "",
    max_tokens: Annotated[
        str, typer.Option(metavar="N", help="The same of tokens, in and out: 200000, 200k, 2M.")
    ] = "",
    watch: Annotated[
        bool, typer.Option("--watch/--detach", help="Follow the team, or return when it is up.")
    ] = True,
    timings: Annotated[bool, typer.Option("--timings", help="Say where the time went.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything and start nothing.")] = False,
) -> None:
    """Start a team on this repository and watch it work: develop, test, review, merge, release.

    The work is a plan, tasks, or a goal in words, of which the lead's agent makes a plan that you accept. Roles of
    your own, defined as [roles.NAME] in config.toml, are given as --NAME N. With no plan, task or goal the team serves
    the project's active plans until it is stopped.
    """
    words = context.args
    if words and words[0] in WORDS:
        _refuse_options(context, words[0])
        _look(words[0], words[1:])
        return
    further, goal = _further(words)
    roles = {"dev": dev, "review": review, "test": test, **further}
    request: dict[str, Any] = {
        "repo": invocation.current.here,
        "roles": {role: count for role, count in roles.items() if count},
        "providers": _providers(provider or []),
        "plan": _draft(plan, task or []),
        "base": base,
        "name": name,
        "skills": _skills(with_skill or []),
        "budget": _budget(max_cost, max_tokens),
    }
    if goal:
        request |= {"goal": goal, "yes": yes}
    elif yes:
        raise UsageError(
            "--yes means nothing without a goal", 'for example: maestro team --dev 1 --review 1 "GOAL" --yes'
        )
    start(request, watching=watch, timings=timings, dry_run=dry_run)


def start(request: dict[str, Any], *, watching: bool, timings: bool = False, dry_run: bool = False) -> None:
    """Request the team, then follow it or return. Exits with 1 when the work did not come to its end.

    The request is checked here too, so that a mistake is told before anything is started for it.
    """
    from maestro_ray.actors.request import Asked, check

    home = Home.find()
    home.prepare()
    request = {**request, "env": environment(home, Path(request["repo"]))}
    checked = check(Asked(**request), home)
    if dry_run:
        _would_start(checked)
        return
    with connect_or_start(home) as line:
        answer = request_team(line, request)
        if not watching:
            _started(answer, timings)
            return
        introduce(answer, timings)
        follow(line, answer)


def follow(line: Any, answer: dict[str, Any]) -> None:
    """Watch to the end and print what came of it. A plan that is proposed meanwhile is asked about, on a terminal."""
    from maestro_cli.proposal import ask
    from maestro_cli.render.watch import Waiting, summary
    from maestro_cli.render.watch import watch as follow_team

    name = answer["team"]["name"]
    try:
        result = follow_team(line, answer, ask)
    except KeyboardInterrupt:
        out.say(
            f"\ndetached; the team goes on.\n  back:  maestro team watch {name}\n  stop:  maestro team stop {name}"
        )
        raise
    except Waiting as waiting:
        board = waiting.args[0]
        _waits(
            {**answer, **({"proposed": board.proposed} if board.proposed else {})},
            list(board.decisions.values()),
        )
    status = plan_status(result)
    text = "no plan was carried out" if status == "no_plan" else summary(result)
    out.emit("team", "run", status, text, **{**answer, **result, "timings": answer["timings"]})
    if status not in ("completed", "stopped"):
        raise typer.Exit(1)


def plan_status(result: dict[str, Any]) -> str:
    """What became of the plans together; `stopped` for a team that had none, `no_plan` when one was to be made of its
    goal, `nothing_merged` for cancelled tasks."""
    from maestro_cli.render.watch import nothing_merged

    plans = result.get("plans", [])
    states = ["nothing_merged" if nothing_merged(plan) else plan["status"] for plan in plans]
    return next(
        (state for state in states if state != "completed"),
        "completed" if states else "no_plan" if result.get("goal") else "stopped",
    )


def request_team(line: Any, request: dict[str, Any]) -> dict[str, Any]:
    for kind, value in line.stream("team.start", **request):
        if kind == "progress":
            out.say(out.paint(f"{value['text']} …", "dim"))
        elif not kind:
            return dict(value)
    raise AssertionError("a stream ends with its answer")


def introduce(answer: dict[str, Any], timings: bool) -> None:
    for warning in answer["warnings"]:
        out.warn(warning)
    out.say(f"team {out.paint(answer['team']['name'], 'bold')} is up:")
    rows = [[each["name"], each["role"], f"pid {each['pid']}"] for each in answer["workers"]]
    out.say(out.columns([["  " + row[0], *row[1:]] for row in rows]))
    if timings:
        out.say(timings_text(answer["timings"]))


def _started(answer: dict[str, Any], timings: bool) -> None:
    introduce(answer, timings)
    name = answer["team"]["name"]
    plan = "  plan:  maestro decide\n" if answer.get("goal") else ""
    out.emit(
        "team",
        "start",
        "ok",
        f"{plan}  watch: maestro team watch {name}\n  stop:  maestro team stop {name}",
        **answer,
    )


def _waits(answer: dict[str, Any], cards: list[dict[str, Any]]) -> None:
    from maestro_cli.commands.decide import cards_text

    name = answer["team"]["name"]
    text = f"the team waits for a decision:\n{cards_text(cards)}\n  then: maestro team watch {name}"
    out.emit("team", "run", "waiting", text, **answer, decisions=cards)
    raise typer.Exit(1)


def timings_text(timings: dict[str, Any]) -> str:
    """Phases of this request, then those of the processes that were started for it."""
    rows = [[phase, f"{seconds * 1000:8.1f} ms"] for phase, seconds in timings.items() if phase != "cold"]
    rows += [
        [f"cold {phase}", f"{seconds * 1000:8.1f} ms"] for phase, seconds in timings.get("cold", {}).items()
    ]
    return out.columns(rows)


# ── what the words mean ──────────────────────────────────────────────────────────────────────────────────────────


def _further(words: list[str]) -> tuple[dict[str, int], str]:
    """Roles as `--docs 1` or `--docs=1`; whatever else is left is a goal in words."""
    roles: dict[str, int] = {}
    goal = ""
    rest = iter(words)
    for word in rest:
        found = re.fullmatch(r"--([a-z][a-z0-9-]*)(?:=(.*))?", word)
        if not found:
            if word.startswith("-"):
                raise UsageError(f"there is no option {word}", "see `maestro team --help`")
            goal = _goal(word, goal)
            continue
        count = found[2] if found[2] is not None else next(rest, "")
        if not count.isdecimal():
            raise UsageError(f"--{found[1]} needs a number of workers", f"for example --{found[1]} 1")
        roles[found[1]] = int(count)
    return roles, goal


def _goal(word: str, before: str) -> str:
    """One text of several words: a single word is more likely a command that was mistyped."""
    if before or len(word.split()) < 2:
        hint = f"a goal is one text of several words, in quotation marks; there are also: {', '.join(WORDS)}"
        raise UsageError(f"{word!r} is no command of `maestro team`, and no goal", hint)
    return word


def _providers(choices: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for choice in choices:
        role, equals, rest = choice.partition("=")
        if not equals or not role or not rest:
            raise BadProvider(choice, "it names no role and provider")
        if role in found:
            raise BadProvider(choice, f"the role {role!r} has a provider already")
        found[role] = rest
    return found


def _skills(words: list[str]) -> list[str]:
    if not words:
        return []
    from maestro_ray.actors.equipping import of_words

    return of_words(words)


def _budget(cost: str, tokens: str) -> dict[str, float]:
    """What of the team's caps the flags say. They come before what the files say: a person has just typed them."""
    from maestro_ray import budget_table

    found: dict[str, float] = {}
    for flag, text, key, read, rule in (
        ("--max-cost", cost, "team_usd", budget_table.usd, budget_table.USD_RULE),
        ("--max-tokens", tokens, "team_tokens", budget_table.tokens, budget_table.TOKENS_RULE),
    ):
        if text:
            value = read(text)
            if value is None:
                raise UsageError(f"{flag} {text} is no cap", f"it is {rule}")
            found[key] = value
    return found


def _draft(plan: str, tasks: list[str]) -> dict[str, Any] | None:
    if plan and tasks:
        raise UsageError("--plan and --task cannot be given together", "put the tasks into the plan")
    if not plan and not tasks:
        return None
    from maestro_cli.plan_text import read_plan, sized
    from maestro_ray.model.plan_file import parse_plan, tasks_as_plan, to_json

    if tasks:
        return sized(to_json(tasks_as_plan(tasks)))
    return sized(to_json(parse_plan(read_plan(plan, invocation.current.cwd), plan)))


def environment(home: Home, repo: Path) -> dict[str, str]:
    """What agents may see of this shell: the allow-list, what the kinds of providers need, and what tables and MCP
    servers name."""
    from maestro_ray.actors.equipping import variables_of_servers
    from maestro_ray.agent.environment import allowed
    from maestro_ray.providers.registry import VARIABLES

    config = Config.load(home, repo)
    of_providers = [name for table in config.providers.values() for name in table.env]
    return allowed(os.environ, [*VARIABLES, *of_providers, *variables_of_servers(home, repo, config)])


def _would_start(checked: TeamRequest) -> None:
    from maestro_ray.actors.request import warnings

    for warning in warnings(checked, checked.config, Home.find().root):
        out.warn(warning)
    names = [each["name"] for each in checked.workers]
    text = (
        f"nothing was started; it would be: {', '.join(names)} on {checked.key}, released into {checked.base}"
    )
    out.emit("team", "dry-run", "ok", text, project=checked.key, base=checked.base, workers=names)


# ── looking at teams that run ────────────────────────────────────────────────────────────────────────────────────


def _refuse_options(context: typer.Context, word: str) -> None:
    """Every option here is about a team to be started: with one of the words it would be ignored."""
    for param in context.command.params:
        if (
            param.name
            and (source := context.get_parameter_source(param.name))
            and source.name == "COMMANDLINE"
        ):
            raise UsageError(
                f"{param.opts[0]} means nothing to `maestro team {word}`", f"maestro team {word} [NAME]"
            )


def _look(word: str, names: list[str]) -> None:
    if len(names) > 1 or any(name.startswith("-") for name in names):
        raise UsageError(f"`maestro team {word}` takes one team's name", "see `maestro status`")
    which = {"team": names[0]} if names else {"repo": invocation.current.here}
    try:
        line = connect_to_teams(Home.find())
    except DaemonUnavailable:
        if word == "status":
            out.emit("team", "status", "ok", "no team runs", teams=[])
            return
        raise
    with line:
        {"status": _status, "stop": _stop, "logs": _logs, "watch": _watch}[word](line, which)


def _status(line: Any, which: dict[str, str]) -> None:
    from maestro_cli.commands.status import team_text

    teams = line.call("team.status", **which)
    out.emit("team", "status", "ok", "\n\n".join(map(team_text, teams)) or "no team runs here", teams=teams)


def _stop(line: Any, which: dict[str, str]) -> None:
    ended = line.call("team.stop", **which)
    out.emit("team", "stop", "ok", f"ended: {', '.join(each['name'] for each in ended)}", teams=ended)


def _logs(line: Any, which: dict[str, str]) -> None:
    from maestro_cli.render.board import Board

    events: list[dict[str, Any]] = []
    more = True
    while more:
        answer = line.call("team.logs", **which, after=events[-1]["n"] if events else 0)
        events += answer["events"]
        which, more = {"team": answer["team"]}, answer["more"]
    board = Board({})
    text = "\n".join(each for event in events for each in board.take(event))
    out.emit("team", "logs", "ok", text, team=answer["team"], events=events)


def _watch(line: Any, which: dict[str, str]) -> None:
    """Also one that has ended, by its name: its events and its result are kept for a while."""
    teams = [] if "team" in which else line.call("team.status", **which)
    if len(teams) > 1:
        names = ", ".join(team["name"] for team in teams)
        raise UsageError(f"several teams run here: {names}", "name the one you mean: maestro team watch NAME")
    if not teams and "team" not in which:
        raise NoTeam
    name = which.get("team") or teams[0]["name"]
    follow(line, {"team": {"id": name, "name": name}, "workers": [], "timings": {}})
