"""A coding agent that a person has installed: a program on PATH, with an account of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Sequence
from typing import ClassVar

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.ports import ProviderSpec
from maestro_ray.providers.arguments import check_arguments, check_model
from maestro_ray.providers.output import clean


class Installed:
    """The model is `spec.arg`, else `spec.model`, empty for the account's own. Raises `BadProvider`."""

    program: ClassVar[str]
    # what it needs of the shell beside the allow-list
    variables: ClassVar[Sequence[str]]
    # the options, and the settings of `-c KEY=VALUE`, that nobody else may give
    own: ClassVar[Collection[str]] = ()
    keys: ClassVar[Collection[str]] = ()
    # to talk to its program; with two, `spec.exec` is the plain one
    ways: ClassVar[int] = 1

    def __init__(self, spec: ProviderSpec) -> None:
        self._spec = spec
        self._model = spec.arg or spec.model
        self._more = (*spec.argv, *spec.args)
        if spec.exec and self.ways == 1:
            raise BadProvider(spec.kind, f"exec means nothing to {spec.kind}")
        check_model(spec.kind, self._model)
        check_arguments(self.program, self._more, self.own, self.keys)

    def check(self, path: str, role: str) -> None:
        if shutil.which(self.program, os.F_OK | os.X_OK, path) is None:
            raise ProviderMissing(role, self.program)

    def environment(self) -> Sequence[str]:
        return (*self.variables, *self._spec.env)

    @property
    def account(self) -> str:
        return self.program


def gone(program: str, code: int | None, without: str, stderr: str) -> str:
    """Why a program that is gone has failed: how it ended, what it did not do before, and its last words."""
    how = "was ended by a signal" if code is None else f"ended with code {code}"
    last = clean(stderr).strip().rpartition("\n")[2]
    return f"{program} {how} {without}{last and ': '}{last}"
