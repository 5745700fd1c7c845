"""Any program that speaks the Agent Client Protocol: one names it, and its turns are in `acp_turn`."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import PurePath

from maestro_ray.errors import BadProvider, ProviderMissing
from maestro_ray.ports import Job, Launch, ProviderSpec
from maestro_ray.providers.acp_turn import AcpTurn

# start a program that is named after them
_LAUNCHERS = ("bunx", "env", "node", "npx", "pnpx", "python", "python3", "uvx")


class Acp:
    """Any program that speaks the protocol: the table's `argv`, then the words of `spec.arg`. Raises `BadProvider`."""

    asks = True

    def __init__(self, spec: ProviderSpec) -> None:
        self._spec = spec
        try:
            self._argv = (*spec.argv, *shlex.split(spec.arg), *spec.args)
        except ValueError as error:
            raise BadProvider(f"{spec.kind}:{spec.arg}", str(error).lower()) from None
        if not self._argv:
            raise BadProvider(
                spec.kind, 'it needs a program that speaks the protocol, for example acp:"opencode acp"'
            )

    def check(self, path: str, role: str) -> None:
        if shutil.which(self._argv[0], os.F_OK | os.X_OK, path) is None:
            raise ProviderMissing(role, self._argv[0])

    def environment(self) -> Sequence[str]:
        return self._spec.env

    @property
    def account(self) -> str:
        names = [PurePath(word).name for word in self._argv if not word.startswith("-")]
        return next((name for name in names if name not in _LAUNCHERS), names[0] if names else self._argv[0])

    def open(self, job: Job) -> AcpTurn:
        return AcpTurn(job, Launch(self._argv))
