"""Groups of commands that are loaded when one of them is asked for: the program starts without them."""

from __future__ import annotations

from collections.abc import MutableMapping
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup


def add_later(app: typer.Typer, name: str, about: str) -> None:
    """Register a group whose commands are those of `group` in `maestro_cli.commands.NAME`."""
    app.add_typer(typer.Typer(no_args_is_help=True, cls=_Later), name=name, help=about)


class _Later(TyperGroup):
    _found: MutableMapping[str, Any] | None = None

    @property  # elsewhere an attribute that is filled at once
    def commands(self) -> MutableMapping[str, Any]:
        if self._found is None:
            module = import_module(f"maestro_cli.commands.{self.name}")
            self._found = typer.main.get_group(module.group).commands
        return self._found

    @commands.setter
    def commands(self, _none: MutableMapping[str, Any]) -> None:
        pass
