"""An analyst for `maestro analyze --deep`: a team of one that surveys the repository and ends with it."""

from __future__ import annotations

from pathlib import Path

from maestro_cli.commands.team import environment, request_team
from maestro_cli.daemon_line import connect
from maestro_cli.render import out
from maestro_cli.render.board import Board
from maestro_ray.connection.call import Line
from maestro_ray.errors import Conflict
from maestro_ray.home import Home

ROLE = "analyst"
PURPOSE = "repo_analysis"


def judge(line: Line, home: Home, repo: Path, provider: str, note: str) -> list[dict[str, str]]:
    """The items that the agent found, after Studio has them. The team ends in every case.

    Raises `Conflict` when the agent found nothing that can be used.
    """
    request = {
        "repo": str(repo),
        "roles": {ROLE: 1},
        "providers": {ROLE: provider} if provider else {},
        "env": environment(home, repo),
    }
    answer = request_team(line, request)
    team = answer["team"]["name"]
    try:
        for warning in answer["warnings"]:
            out.warn(warning)
        out.say(f"the analyst of team {team} looks at the repository …")
        line.call("project.analyse", repo=str(repo), note=note)
        run = _follow(line, team)
    finally:
        with connect(home) as other:
            other.call("team.stop", team=team)
    with connect(home) as other:
        known = other.call("project.knowledge", repo=str(repo))
    return [dict(item) for item in known if item["run_id"] == run]


def _follow(line: Line, team: str) -> str:
    """The id of the run that has told what it found; what the agent says is shown meanwhile."""
    board = Board({ROLE: "idle"})
    for kind, value in line.stream("team.watch", team=team, after=0):
        if kind != "team.event":
            continue
        for each in board.take(value):
            out.say(f"  {each}")
        run, card = value.get("run") or {}, value.get("decision") or {}
        if value["kind"] == "run.updated" and (run["purpose"], run["state"]) == (PURPOSE, "succeeded"):
            return str(run["id"])
        if value["kind"] == "decision.requested" and card["kind"] == PURPOSE:
            raise Conflict(
                str(card["question"]),
                f"`maestro decide {card['id'][-8:]} abort` if it is not to be tried again",
            )
    raise Conflict(f"the team {team} ended before the survey", "see `maestro team logs`")
