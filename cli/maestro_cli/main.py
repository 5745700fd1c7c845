"""The program `maestro`: which commands there are, and what an error looks like."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer._click.exceptions import ClickException, NoArgsIsHelpError
from typer._click.exceptions import UsageError as ClickUsageError

from maestro_cli import invocation, streams
from maestro_cli.commands import (
    analyze,
    auth,
    connect,
    daemon,
    decide,
    demo,
    disconnect,
    export,
    init,
    sandbox,
    status,
    steer,
    studio,
    system_prompt,
    team,
    version,
)
from maestro_cli.later import add_later
from maestro_cli.render import out
from maestro_ray.errors import InternalError, MaestroError, OutputFailed, UsageError

app = typer.Typer(
    name="maestro",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run a team of coding agents on a git repository.",
    epilog="Every command takes --json (or --output-format json), -C DIR and --debug.",
)

for module in (
    team,
    steer,
    decide,
    status,
    export,
    connect,
    disconnect,
    auth,
    daemon,
    studio,
    sandbox,
    system_prompt,
    demo,
    init,
    analyze,
    version,
):
    module.register(app)

for name, about in (
    ("task", "Runs of a team that a person does."),
    ("skills", "Instructions that agents read when their work is of that kind."),
    ("agents", "Definitions of kinds of agents: prompt, provider, model, tools."),
    ("mcp", "The MCP servers that agents are given."),
    ("hooks", "Commands that are run when something happens."),
    (
        "plugins",
        "Skills, agents, MCP servers and hooks of others. `plugin` and `marketplace` are the same command.",
    ),
):
    add_later(app, name, about)


# other words for a command, which its help does not repeat
ALIASES = {"plugin": "plugins", "marketplace": "plugins"}


def _print_version(asked: bool) -> None:
    if asked:
        version.print_short()
        raise typer.Exit


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version),
    ] = False,
) -> None:
    pass


def run(arguments: list[str]) -> int:
    """One invocation; the exit code: 0 done, 1 failed, 2 bad usage, 130 interrupted."""
    invocation.current = invocation.form_of_errors(arguments, os.environ)
    try:
        invocation.current, rest = invocation.split(arguments, os.environ)
        answer = app(_without_alias(rest), prog_name="maestro", standalone_mode=False)
    except MaestroError as error:
        if invocation.current.debug:
            raise
        return _failed(error)
    except NoArgsIsHelpError as error:
        return _failed(UsageError(f"{_words(error)} needs a command", _hint(error)))
    except ClickUsageError as error:
        return _failed(UsageError(error.format_message(), _hint(error)))
    except ClickException as error:
        out.fail(UsageError(error.format_message(), ""))
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except streams.ReaderGone:
        return 0
    except Exception as error:
        if invocation.current.debug:
            raise
        return _failed(InternalError(f"{type(error).__name__}: {error}"))
    return answer if isinstance(answer, int) else 0


def _without_alias(arguments: list[str]) -> list[str]:
    return [ALIASES.get(word, word) if at == 0 else word for at, word in enumerate(arguments)]


def _failed(error: MaestroError) -> int:
    # where results cannot be written, an error in their form could not be read either
    out.fail(error, as_json=invocation.current.json and not isinstance(error, OutputFailed))
    return out.exit_code(error)


def _words(error: ClickUsageError) -> str:
    return error.ctx.command_path if error.ctx else "maestro"


def _hint(error: ClickUsageError) -> str:
    return f"see `{_words(error)} --help`"


def _last_words(*error: Any) -> None:
    """A traceback is sent to others when they are asked for help."""
    from maestro_ray import last_words

    last_words.discreet()
    sys.excepthook(*error)


def main() -> None:
    sys.excepthook = _last_words
    streams.prepare()
    try:
        code = run(sys.argv[1:])
    except streams.ReaderGone:  # of the error itself
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
