"""`maestro analyze`: what the repository is made of, found out without an agent and told to its project."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from maestro_cli import invocation
from maestro_cli.render import out

if TYPE_CHECKING:
    from maestro_ray.analysis.survey import Survey

SHOWN = 12


def register(app: typer.Typer) -> None:
    app.command(epilog="Example: maestro analyze --no-upload")(analyze)


def analyze(
    upload: Annotated[
        bool, typer.Option(help="Tell it to the project's Studio, whose agents are told it in turn.")
    ] = True,
) -> None:
    """Find out languages, frameworks, commands, directories and hot files of the last commit. Nothing of it is run."""
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
    status = "uploaded" if told else "ok"
    last = _uploaded(told) if told else "nothing was uploaded"
    out.emit("analysis", "show", status, f"\n{last}", **found.told(), uploaded=told)


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
