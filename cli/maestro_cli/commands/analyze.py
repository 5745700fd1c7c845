"""`maestro analyze`: what the repository is made of, found out without an agent and told to its project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from maestro_cli import invocation
from maestro_cli.render import out
from maestro_ray.errors import UsageError

if TYPE_CHECKING:
    from maestro_ray.analysis.survey import Survey

SHOWN = 12


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro analyze --no-upload")(analyze)


def analyze(
    upload: Annotated[
        bool, typer.Option(help="Tell it to the project's Studio, whose agents are told it in turn.")
    ] = True,
    deep: Annotated[
        bool, typer.Option("--deep", help="Let an agent go on: architecture, conventions, risks, words.")
    ] = False,
    provider: Annotated[
        str, typer.Option(metavar="NAME[:ARG]", help="The agent that goes on; by default as for every role.")
    ] = "",
    note: Annotated[str, typer.Option(metavar="TEXT", help="What the agent is to look at above all.")] = "",
) -> None:
    """Find out languages, frameworks, commands, directories and hot files of the last commit. Nothing of it is run."""
    if (provider or note) and not deep:
        raise UsageError("--provider and --note are for an agent", "add --deep")
    if deep and not upload:
        raise UsageError("what an agent finds is told to the project", "leave out --no-upload")
    from maestro_ray.analysis.survey import survey
    from maestro_ray.errors import EmptyRepository
    from maestro_ray.workspace.repo import Repo

    repo = Repo.open(invocation.current.cwd)
    # other branches may have commits, and be worked from
    if not (head := repo.git.run("rev-parse", "--verify", "-q", "HEAD^{commit}", check=False).strip()):
        raise EmptyRepository(str(repo.root))
    found = survey(repo.git, head)
    out.say(_text(found))
    told = _upload(found) if upload else None
    out.say("\n" + (_uploaded(told) if told else "nothing was uploaded"))
    judged = _deep(provider, note) if deep else None
    out.emit(
        "analysis",
        "show",
        "uploaded" if told else "ok",
        f"an agent found {_items(judged)}" if judged is not None else "",
        **found.told(),
        uploaded=told,
        judged=judged,
    )


def _upload(found: Survey) -> dict[str, Any]:
    from maestro_cli.daemon_line import connect_or_start
    from maestro_ray.analysis.items import items
    from maestro_ray.home import Home

    with connect_or_start(Home.find()) as line:
        for kind, value in line.stream("project.learn", repo=invocation.current.here, items=items(found)):
            if kind == "progress":
                out.say(out.paint(f"{value['text']} …", "dim"))
            elif not kind:
                return dict(value)
    raise AssertionError("a stream ends with its answer")


def _deep(provider: str, note: str) -> list[dict[str, str]]:
    from maestro_cli.analyst import judge
    from maestro_cli.daemon_line import connect_or_start
    from maestro_ray.home import Home

    home = Home.find()
    with connect_or_start(home) as line:
        return judge(line, home, invocation.current.cwd, provider, note)


def _items(judged: list[dict[str, str]]) -> str:
    rows = [[f"  {out.printable(each['kind'])}", out.printable(each["title"])] for each in judged]
    return f"{len(judged)} item{'s' if len(judged) != 1 else ''}\n{out.columns(rows)}"


def _uploaded(told: dict[str, Any]) -> str:
    news = f"{told['changed']} new, {told['gone']} gone" if told["changed"] or told["gone"] else "as before"
    return f"{told['items']} items told to {out.printable(told['project']['key'])}, {news}"


def _text(found: Survey) -> str:
    parts = [
        f"commit {found.commit[:10]}: {found.files} files, {_size(found.size)}",
        _rows(
            "languages", [[each.name, f"{each.share:.0%}", _files(each.files)] for each in found.languages]
        ),
        _rows("frameworks", [[", ".join(found.frameworks)]] if found.frameworks else []),
        _rows("commands", [[each.kind, each.command, each.source] for each in found.commands]),
        _rows(
            "directories",
            [[f"{each.path}/", _files(each.files), each.language] for each in found.directories],
        ),
        _rows("changed most", [[each.path, f"{each.commits} commits"] for each in found.hot_files]),
        _rows("manifests", [[each.path, each.ecosystem, _manifest(each)] for each in found.manifests]),
        _rows("context files", [[each.path] for each in found.context_files]),
    ]
    return "\n".join(part for part in parts if part)


def _rows(head: str, rows: list[list[str]]) -> str:
    if not rows:
        return ""
    shown = [
        [f"  {row[0]}", *row[1:]] for row in ([out.printable(cell) for cell in row] for row in rows[:SHOWN])
    ]
    more = f"\n  … {len(rows) - SHOWN} more" if len(rows) > SHOWN else ""
    return f"{out.paint(head, 'bold')}\n{out.columns(shown)}{more}"


def _manifest(manifest: Any) -> str:
    if manifest.broken:
        return f"cannot be read: {manifest.broken}"
    count = len(manifest.dependencies)
    return f"{count} dependenc{'y' if count == 1 else 'ies'}" if count else ""


def _files(count: int) -> str:
    return f"{count} file{'s' if count != 1 else ''}"


def _size(count: int) -> str:
    size = float(count)
    for unit in ("bytes", "KB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
