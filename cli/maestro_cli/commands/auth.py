"""`maestro auth`: who one is, at which Studios."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from maestro_cli.commands.status import age
from maestro_cli.daemon_line import connect_or_start
from maestro_cli.render import out
from maestro_ray.errors import Conflict, UsageError
from maestro_ray.home import Home
from maestro_ray.toml import did_you_mean

if TYPE_CHECKING:
    from maestro_ray.connection.identities import Identities, Identity

# nothing that is shorter is one of our invites: it is a misspelt word
SHORTEST_INVITE = 20


class _Group(TyperGroup):
    """`maestro auth INVITE` is `maestro auth redeem INVITE`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in (*self.commands, "--help", "-h"):
            args = ["redeem", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    help="Sign in to Studios and out of them; `maestro auth INVITE` redeems an invite.",
    rich_markup_mode=None,
)

Name = Annotated[str, typer.Option("--identity", metavar="NAME", help="Which identity; see `auth status`.")]
Studio = Annotated[str, typer.Option("--studio", metavar="URL", help="The identity at this Studio.")]


def register(parent: typer.Typer) -> None:
    parent.add_typer(app, name="auth")


@app.command(epilog="Example: maestro auth redeem -    or: maestro auth https://studio.example.com#TOKEN")
def redeem(
    invite: Annotated[
        str, typer.Argument(help="URL#TOKEN, or `-` to read it: what is typed here, others can list.")
    ],
    studio: Annotated[str, typer.Option(metavar="URL", help="For an invite without an address.")] = "",
    identity: Name = "",
    name: Annotated[str, typer.Option(metavar="WHO", help="How others see you there.")] = "",
    file: Annotated[
        bool, typer.Option("--file", help="Keep the tokens in a 0600 file, not in the system's keyring.")
    ] = False,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Send tokens over plain http to another machine.")
    ] = False,
) -> None:
    """Redeem an invite: sign in to its Studio, or add its role to the identity you have there."""
    from maestro_ray.connection import account
    from maestro_ray.connection.address import read_invite, refuse_plain

    address, token = read_invite(_read(invite), studio)
    refuse_plain(address, insecure=insecure)
    identities = known_identities()
    who = identities.invited(address, identity, insecure=insecure)
    added = account.redeem(identities, who, token, name or _person(), in_file=file)
    shown = account.look(identities, who)
    text = "the role was added" if added else "signed in"
    out.emit("auth", "redeem", "ok", f"{text}\n\n{_block(shown)}", added=added, identity=shown)


@app.command(epilog="Example: maestro auth status --json")
def status() -> None:
    """Show every identity with its Studio, roles and projects, and when its tokens end. Starts nothing."""
    from maestro_ray.connection.account import look_at_all

    shown = look_at_all(known_identities())
    out.emit("auth", "status", "ok", "\n\n".join(map(_block, shown)), identities=shown)


@app.command(epilog="Example: maestro auth logout --studio https://studio.example.com")
def logout(
    everywhere: Annotated[
        bool, typer.Option("--everywhere", help="End all your sign-ins there, on other machines too.")
    ] = False,
    studio: Studio = "",
    identity: Name = "",
) -> None:
    """Sign out: Studio ends the sign-in, and nothing of it is kept here."""
    from maestro_ray.connection import account

    identities = known_identities()
    who = _to_leave(identities, identity, studio)
    if who.local:
        _log_out_here(identities, everywhere)
        return
    untold = account.sign_out(identities, who, everywhere=everywhere)
    if untold:
        out.warn(f"Studio was not told, and the sign-in ends there by itself within 30 days: {untold}")
    facts = {"identity": who.name, "studio": who.studio, "everywhere": everywhere, "told": not untold}
    out.emit("auth", "logout", "ok", f"signed out of {who.studio} ({who.name})", **facts)


@app.command(epilog="Example: maestro auth invite --role member --project github:acme/shop")
def invite(
    role: Annotated[str, typer.Option(help="owner, architect, lead or member.")],
    project: Annotated[str, typer.Option(metavar="KEY", help="In this project; without it in all.")] = "",
    studio: Studio = "",
    identity: Name = "",
) -> None:
    """Print a one-time invite, good for seven days, and how to use it."""
    from maestro_ray.connection.account import Account
    from maestro_ray.connection.address import loopback, write_invite
    from maestro_ray.model.access import Role

    if role not in [each.value for each in Role]:
        known = [each.value for each in Role]
        raise UsageError(
            f"there is no role {role!r}{did_you_mean(role, known)}", f"one of {', '.join(known)}"
        )
    identities = known_identities()
    who = present(identities, identity, studio)
    given = Account(identities, who).invite(role, project)
    text = write_invite(who.studio, given["token"])
    ends = time.time() + given["expires_in"]
    where = f"in {project}" if project else "in every project"
    lines = [
        text,
        "",
        f"Whoever redeems it first is {role} {where}. It ends in {age(given['expires_in'])}.",
        "  maestro auth -      and then paste it: so it stands in no list of processes",
    ]
    if loopback(who.studio):
        lines.append("This Studio answers on this machine only.")
    facts = {"invite": text, "studio": who.studio, "role": role, "project": project or None}
    out.emit("auth", "invite", "ok", "\n".join(lines), **facts, expires_at=ends)


@app.command(
    epilog='Example: maestro auth token    as in: curl -H "Authorization: Bearer $(maestro auth token)" URL'
)
def token(studio: Studio = "", identity: Name = "") -> None:
    """Print an access token that is good for five minutes at least, and nothing else."""
    from maestro_ray.connection.account import Account

    identities = known_identities()
    who = present(identities, identity, studio)
    account = Account(identities, who)
    fresh = account.fresh_token()
    ends = account.tokens.tokens().expires_at
    out.emit("auth", "token", "ok", fresh, token=fresh, identity=who.name, studio=who.studio, expires_at=ends)


# ── which identity ───────────────────────────────────────────────────────────────────────────────────────────────────


def known_identities() -> Identities:
    from maestro_ray.connection.identities import Identities

    return Identities(Home.find())


def present(identities: Identities, name: str, studio: str) -> Identity:
    """The one that was named, by default `local`, whose Studio is started."""
    from maestro_ray.connection.identities import LOCAL

    who = identities.choose(name, studio) if name or studio else identities.named(LOCAL)
    if not who.local:
        return who
    with connect_or_start(Home.find()) as line:
        line.call("studio.info")
    return identities.named(LOCAL)


def _to_leave(identities: Identities, name: str, studio: str) -> Identity:
    """The one that was named, by default the only one that is not `local`."""
    if name or studio:
        return identities.choose(name, studio)
    further = identities.further()
    if not further:
        raise UsageError("there is no sign-in but that of this machine at its own Studio", _LEAVE_LOCAL)
    return identities.only(further)


_LEAVE_LOCAL = "to end every other sign-in there: maestro auth logout --everywhere --identity local"


def _log_out_here(identities: Identities, everywhere: bool) -> None:
    from maestro_ray.connection.account import replace_local

    if not everywhere:
        raise Conflict("the daemon needs the tokens of this machine's own Studio", _LEAVE_LOCAL)
    who = present(identities, "", "")
    replace_local(identities, who)
    text = f"every sign-in at {who.studio} has ended; this machine has a new one"
    out.emit("auth", "logout", "ok", text, identity=who.name, studio=who.studio, everywhere=True, told=True)


# ── words ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(invite: str) -> str:
    """The invite itself, from standard input for `-`. Raises `UsageError` for what is rather a misspelt command."""
    if invite == "-":
        return _ask() if sys.stdin.isatty() else sys.stdin.read(10_000).strip()
    if "#" not in invite and len(invite) < SHORTEST_INVITE:
        known = [each.callback.__name__ for each in app.registered_commands if each.callback]
        raise UsageError(
            f"{invite!r} is neither a command nor an invite{did_you_mean(invite, known)}",
            "see `maestro auth --help`",
        )
    return invite


def _ask() -> str:
    import getpass

    return getpass.getpass("invite: ").strip()


def _person() -> str:
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "operator"


_STATES = {
    "signed_in": ("signed in", "green"),
    "offline": ("offline", "yellow"),
    "signed_out": ("signed out", "red"),
    "not_started": ("not started", "dim"),
}
_KEPT = {"keyring": "the system's keyring", "file": "a file for you alone (0600)"}


def _block(shown: dict[str, Any]) -> str:
    """One identity for a person."""
    words, style = _STATES[shown["state"]]
    state = out.paint(words, style) + (f" as {out.printable(shown['user'])}" if "user" in shown else "")
    rows = [["Studio", shown["studio"] or "the one of this machine"], ["state", state]]
    if shown["detail"]:
        rows.append(["", out.printable(shown["detail"])])
    if "roles" in shown:
        rows.append(["roles", _roles(shown)])
    if place := shown.get("kept"):
        rows.append(["tokens", _KEPT[place]])
    if ends := _ends(shown):
        rows.append(["", ends])
    table = out.columns([["  " + row[0], row[1]] for row in rows])
    return f"{out.paint(shown['name'], 'bold')}\n{table}"


def _roles(shown: dict[str, Any]) -> str:
    everywhere = shown["roles"].get("*")
    found = [f"{everywhere} everywhere"] if everywhere else []
    # a role that holds everywhere needs no list
    found += [
        f"{each['role']} in {out.printable(each['key'])}"
        for each in shown["projects"]
        if each["role"] != everywhere
    ]
    return ", ".join(found) or "none"


def _ends(shown: dict[str, Any]) -> str:
    if "expires_at" not in shown:
        return ""
    now = time.time()
    left = shown["expires_at"] - now
    access = f"access for {age(left)}" if left > 0 else "access to be renewed"
    until = shown["refresh_expires_at"] - now
    return f"{access}, renewable for {age(until)}" if until > 0 else access
