"""Who one is, and where: the identities of this home, each at one Studio.

`local` is at the embedded Studio and always there. The others stand in config.toml as `[identities.NAME]`, and their
tokens in the system's keyring, or in `identities/NAME.json`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from maestro_ray.config import Config, IdentityTable
from maestro_ray.connection.address import read_address, refuse_plain
from maestro_ray.connection.ask import ask
from maestro_ray.connection.sign_in import studio_address, studio_tokens
from maestro_ray.connection.system_keyring import system_keyring
from maestro_ray.connection.tokens import FindKeyring, TokenFile
from maestro_ray.errors import Conflict, NotFound, UsageError
from maestro_ray.home import Home
from maestro_ray.ids import slug
from maestro_ray.toml_edit import remove_table, set_table

LOCAL = "local"


@dataclass(frozen=True)
class Identity:
    """`studio` is an address; empty for `local` while its Studio has not been started."""

    name: str
    studio: str
    insecure: bool = False

    @property
    def local(self) -> bool:
        return self.name == LOCAL


class Identities:
    """Those of one home. Raises `ConfigError` for a config.toml that is broken."""

    def __init__(self, home: Home, find_keyring: FindKeyring = system_keyring) -> None:
        self._home = home
        self._find_keyring = find_keyring

    def all(self) -> list[Identity]:
        """`local` first."""
        return [Identity(LOCAL, studio_address(self._home)), *self.further()]

    def further(self) -> list[Identity]:
        """Those at other Studios, in the order of config.toml."""
        tables = Config.load(self._home).identities
        return [Identity(name, read_address(table.studio), table.insecure) for name, table in tables.items()]

    def named(self, name: str) -> Identity:
        """Raises `NotFound`."""
        found = next((each for each in self.all() if each.name == name), None)
        if found is None:
            raise NotFound("identity", name, "those there are: `maestro auth status`")
        return found

    def at(self, studio: str) -> Identity:
        """The one at this Studio. Raises `NotFound`, or `UsageError` when there are several."""
        address = read_address(studio)
        found = [each for each in self.all() if each.studio == address]
        if not found:
            raise NotFound("identity at", address, "those there are: `maestro auth status`")
        return self.only(found)

    def only(self, found: list[Identity]) -> Identity:
        """The one of these. Raises `UsageError` when they are several."""
        if len(found) > 1:
            names = ", ".join(each.name for each in found)
            raise UsageError(f"which identity: {names}?", f"for example: --identity {found[0].name}")
        return found[0]

    def choose(self, name: str, studio: str) -> Identity:
        """The one of this name, or at this Studio. Raises `NotFound`, `UsageError`."""
        if not name:
            return self.at(studio)
        who = self.named(name)
        if studio and who.studio != read_address(studio):
            raise UsageError(f"the identity {name!r} is at {who.studio or 'the Studio of this machine'}", "")
        return who

    def invited(self, studio: str, name: str = "", *, insecure: bool = False) -> Identity:
        """Who redeems an invite to this Studio: the one of this name, else the one that is there, else a new one.

        Raises `Conflict` for a name that is taken, `UsageError` for one that is none.
        """
        name = check_name(name) if name else self._name_at(studio)
        if any(each.name == name and each.studio != studio for each in self.further()):
            hint = "give this one another name: --identity NAME"
            raise Conflict(f"the identity {name!r} is at another Studio", hint)
        return Identity(name, studio, insecure)

    def _name_at(self, studio: str) -> str:
        found = [each for each in self.all() if each.studio == studio]
        if further := [each for each in found if not each.local]:
            return self.only(further).name
        if found:
            hint = "another one beside it: --identity NAME"
            raise Conflict("this is the Studio of this machine, and `local` is its owner already", hint)
        return self._free_name(studio)

    def tokens(self, identity: Identity) -> TokenFile:
        """Raises `UsageError` for an address to which no token may go."""
        if identity.local:
            return studio_tokens(self._home, identity.studio)
        refuse_plain(identity.studio, insecure=identity.insecure)

        def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
            return dict(ask("POST", f"{identity.studio}/api/v1/{path}", body))

        self._home.prepare()
        path = self._home.identities / f"{identity.name}.json"
        entry = f"{identity.name}@{self._home.instance}"
        return TokenFile(path, post, self._find_keyring, entry)

    def add(self, identity: Identity) -> None:
        """Write it into config.toml, where the rest stays as it is. Raises `ConfigError`, `NotWritable`."""
        table: dict[str, Any] = {"studio": identity.studio} | (
            {"insecure": True} if identity.insecure else {}
        )
        set_table(self._file, "identities", identity.name, table)

    def remove(self, identity: Identity) -> None:
        """Forget its tokens, and take it out of config.toml."""
        self.tokens(Identity(identity.name, identity.studio, insecure=True)).forget()
        remove_table(self._file, "identities", identity.name)

    def _free_name(self, studio: str) -> str:
        """The Studio's host, and a number when that is taken."""
        taken = {each.name for each in self.all()}
        return next(name for name in _names(studio) if name not in taken)

    @property
    def _file(self) -> Path:
        return self._home.root / "config.toml"


def check_name(name: str) -> str:
    """Raises `UsageError`."""
    if not IdentityTable.NAME.fullmatch(name) or name == LOCAL:
        raise UsageError(f"{name!r} cannot be the name of an identity", IdentityTable.RULE)
    return name


def _names(studio: str) -> Iterable[str]:
    name = slug(urlsplit(studio).netloc)
    yield name
    number = 2
    while True:
        yield f"{name}-{number}"
        number += 1
