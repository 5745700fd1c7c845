"""What an identity can do about itself at its Studio: sign in and out, invite others, say who it is."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

from maestro_ray.connection.ask import ask
from maestro_ray.connection.identities import Identities, Identity
from maestro_ray.connection.tokens import TokenFile
from maestro_ray.errors import MaestroError, NotFound, StudioUnavailable, Unauthenticated

# what somebody is handed who asks for a token has at least this left, in seconds
WORTH_HANDING_OUT = 300.0
# how long somebody who only looks waits for a Studio, in seconds
QUICK = 5.0


class Account:
    """One identity at its Studio. Every call raises `StudioUnavailable`, `StudioRefused` or `Unauthenticated`."""

    def __init__(
        self,
        identities: Identities,
        identity: Identity,
        within: float = 10.0,
        largest: int = 0,
    ) -> None:
        """Within so many seconds a call is answered, with at most `largest` bytes, 0 for as many as usual."""
        self.identity = identity
        self.tokens = identities.tokens(identity)
        self._within, self._largest = within, largest

    def fresh_token(self) -> str:
        """An access token for some other program."""
        return self.tokens.access_token(WORTH_HANDING_OUT)

    def me(self) -> Mapping[str, Any]:
        """`{id, name, roles, projects}`."""
        return dict(self.call("GET", "me"))

    def invite(self, role: str, key: str = "") -> Mapping[str, Any]:
        """`{token, role, project_id, expires_in}`, for one project or for all. Raises `NotFound` for its key."""
        body = {"role": role}
        if key:
            body["project_id"] = self._project(key)
        return dict(self.call("POST", "auth/invites", body))

    def log_out(self, *, everywhere: bool) -> None:
        self.call("POST", "auth/logout", {"everywhere": everywhere})

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One call below `/api/v1`; a token that was refused is renewed once."""
        url = f"{self.identity.studio}/api/v1/{path}"
        token = self.tokens.access_token()
        try:
            return ask(method, url, body, token, self._within, self._largest)
        except Unauthenticated:
            return ask(method, url, body, self.tokens.renew(token), self._within, self._largest)

    def _project(self, key: str) -> str:
        found = self.call("GET", f"projects?key={quote(key, safe='')}")
        if not found:
            raise NotFound("project", key, "those you are in: `maestro auth status`")
        return str(found[0]["id"])


def redeem(
    identities: Identities, identity: Identity, invite: str, name: str, *, in_file: bool = False
) -> bool:
    """Sign in with an invite and remember the identity. Whether its role was added to one that was signed in already.

    `name` is what others see of somebody new.
    """
    tokens = identities.tokens(identity)
    answer = _add_role(tokens, identity, invite, name) if tokens.exists() else None
    if answer is None:
        tokens.redeem(invite, name, in_file=in_file)
    else:
        tokens.keep(answer, in_file=in_file)
    identities.add(identity)
    return answer is not None


def _add_role(tokens: TokenFile, identity: Identity, invite: str, name: str) -> dict[str, Any] | None:
    """Tokens with the further role; None when Studio does not know any more who this is."""
    try:
        held = tokens.access_token()
        url = f"{identity.studio}/api/v1/auth/redeem"
        return dict(ask("POST", url, {"token": invite, "name": name}, held))
    except Unauthenticated:
        # or it is the invite that is no good, as the next try will tell
        return None


def sign_out(identities: Identities, identity: Identity, *, everywhere: bool) -> MaestroError | None:
    """End the sign-in there and forget it here. What kept Studio from being told, None when it was.

    What must end everywhere and does not is raised, and nothing is forgotten then.
    """
    untold = None
    try:
        Account(identities, identity).log_out(everywhere=everywhere)
    except MaestroError as error:
        if everywhere:
            raise
        untold = error
    identities.remove(identity)
    return untold


def replace_local(identities: Identities, identity: Identity) -> None:
    """End every sign-in at the embedded Studio but a new one of this home: the daemon is never without.

    Whoever the tokens belonged to is somebody else afterwards, and has no role left.
    """
    account = Account(identities, identity)
    before, held = account.me()["id"], account.tokens.access_token()
    account.tokens.redeem(account.invite("owner")["token"], "operator")
    ask("POST", f"{identity.studio}/api/v1/auth/logout", {"everywhere": True}, held)
    account.call("DELETE", f"members/{before}")


# ── looking ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def look(identities: Identities, identity: Identity) -> dict[str, Any]:
    """What is so with an identity, in words and times; no token.

    `state` is `signed_in`, `offline`, `signed_out`, or `not_started` for the embedded Studio; `detail` says more.
    """
    shown: dict[str, Any] = {"name": identity.name, "studio": identity.studio, "detail": ""}
    if not identity.studio:
        return {**shown, "state": "not_started"}
    try:
        account = Account(identities, identity, QUICK)
        shown["kept"] = account.tokens.place()
        me = account.me()
    except StudioUnavailable as error:
        return {**shown, **_ends(account.tokens), "state": "offline", "detail": str(error)}
    except MaestroError as error:
        return {**shown, "state": "signed_out", "detail": str(error)}
    known = {key: me[key] for key in ("name", "roles", "projects")}
    return {**shown, **_ends(account.tokens), "state": "signed_in", "user": known.pop("name"), **known}


def look_at_all(identities: Identities) -> list[dict[str, Any]]:
    """Of every identity, side by side: one Studio that is away holds up none of the others."""
    found = identities.all()
    with ThreadPoolExecutor(min(8, len(found))) as threads:
        return list(threads.map(lambda each: look(identities, each), found))


def _ends(tokens: TokenFile) -> dict[str, float]:
    kept = tokens.tokens()
    return {"expires_at": kept.expires_at, "refresh_expires_at": kept.refresh_expires_at}
