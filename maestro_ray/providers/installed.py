"""A coding agent that a person has installed: a program on PATH, with an account of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import ClassVar

from maestro_ray.errors import ProviderMissing
from maestro_ray.ports import ProviderSpec
from maestro_ray.providers.output import clean


class Installed:
    """`spec.arg` is the model, empty for the account's own; `spec.argv` are further arguments."""

    program: ClassVar[str]
    # what it needs of the shell beside the allow-list
    variables: ClassVar[Sequence[str]]

    def __init__(self, spec: ProviderSpec) -> None:
        self._spec = spec

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
