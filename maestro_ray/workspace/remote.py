"""From a remote's URL to the name of the project: `<provider>:<owner>/<repo>`."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote

from maestro_ray.errors import BadRemote
from maestro_ray.workspace.repo import Repo

_PROVIDERS = {
    "github.com": "github",
    "ssh.github.com": "github",
    "gitlab.com": "gitlab",
    "altssh.gitlab.com": "gitlab",
    "bitbucket.org": "bitbucket",
    "altssh.bitbucket.org": "bitbucket",
    "dev.azure.com": "azure",
    "ssh.dev.azure.com": "azure",
    "vs-ssh.visualstudio.com": "azure",
    "git.sr.ht": "sourcehut",
    "codeberg.org": "codeberg",
    "gitea.com": "gitea",
}


def project_key(repo: Repo, machine_id: str) -> str:
    """The key under which Studio knows the repository; it is the same in each of its worktrees.

    Without a remote named `origin` it is `local:<machine id>/<directory name>-<6 hex of its path>`.
    Raises `BadRemote` for an address that cannot be read.
    """
    url = repo.git.run("remote", "get-url", "origin", check=False).removesuffix("\n")
    if not url or url == "origin":  # git before 2.46 gives the name back when the remote has no address
        return f"local:{machine_id}/{_directory_name(repo.home)}-{_digest(repo.home)}"
    if _is_path(url):
        url = os.path.normpath(repo.home / url)
    return parse_remote(url)


def parse_remote(url: str) -> str:
    """The key of one remote address in any form that git takes.

    User, password, port, query, fragment and a final `.git` are left out. Hosts that are not in the table stand for
    themselves. A path on this machine is `file:<path>`. Raises `BadRemote`, whose text never holds the address.

    >>> parse_remote("git@github.com:owner/repo.git")
    'github:owner/repo'
    """
    text = url.strip()
    if not text or re.search(r"[\x00-\x1f\x7f\ud800-\udfff]", text):
        raise BadRemote("it is empty or holds control characters")
    if found := re.fullmatch(r"codecommit:(?::([a-z0-9-]+):)?//(?:[^@]*@)?([\w.-]+)/?", text):
        return f"codecommit:{found[1]}/{found[2]}" if found[1] else f"codecommit:{found[2]}"
    if helper := re.match(r"[A-Za-z0-9][\w.-]*::", text):
        text = text[helper.end() :]
        if "://" not in text:
            raise BadRemote("it is for a remote helper")
    if _is_path(text):
        return _file_key(text)
    if found := re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text):
        return _url_key(found[1].lower(), text[found.end() :])
    host, path = _split_scp(text)
    return _hosted_key(_host(host), path)


def _is_path(text: str) -> bool:
    """git's own rule: an address is a path unless it has a scheme, or a colon before its first slash."""
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:(//|:)", text):
        return False
    drive = re.match(r"[A-Za-z]:[\\/]", text)
    return bool(drive) or ":" not in text.partition("/")[0]


def _split_scp(text: str) -> tuple[str, str]:
    """`[user@]host:path`, where a host in brackets may hold a port or an IPv6 address."""
    if found := re.match(r"((?:[^@/:]*@)?\[[^\]]*\]):(.*)", text, re.S):
        inner = found[1].rpartition("@")[2].strip("[]")
        return (inner if re.fullmatch(r"[^:]+:\d+", inner) else f"[{inner}]"), found[2]
    host, _, path = text.partition(":")
    return host, path


def _url_key(scheme: str, rest: str) -> str:
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    path = rest[len(authority) :]
    if scheme != "file":
        return _hosted_key(_host(authority), path)
    if authority in ("", "localhost"):
        return _file_key(unquote(path, errors="replace"))
    return "file:" + _hosted_key(_host(authority), path).replace(":", "/", 1)


def _host(authority: str) -> str:
    """The host in lower case; whatever does not look like one is refused, because it may be part of a password."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.%]+\]|[^\s:/\[\]@\\%]+)(?::\d*)?", authority.rpartition("@")[2])
    if found is None:
        raise BadRemote("it names no host")
    host = found[1].lower().rstrip(".").removeprefix("www.")
    if not host:
        raise BadRemote("it names no host")
    return host


def _hosted_key(host: str, path: str) -> str:
    _without_password(path)
    parts = _parts(re.split(r"[?#]", path, maxsplit=1)[0])
    provider = _PROVIDERS.get(host, host)
    if host.endswith(".visualstudio.com") and host != "vs-ssh.visualstudio.com":
        provider = "azure"
        parts = [host.partition(".")[0], *(part for part in parts if part.lower() != "defaultcollection")]
    if provider == "azure":
        parts = _azure(parts)
    elif "bitbucket" in host and provider != "bitbucket" and len(parts) == 3 and parts[0] == "scm":
        parts = parts[1:]  # Bitbucket Server: https has /scm/, ssh has not
    return f"{provider}:{'/'.join(parts)}"


def _azure(parts: list[str]) -> list[str]:
    """`org/project/repo` of `org/project/_git/repo`, `v3/org/project/repo` and `org/_git/repo`."""
    if parts[0] == "v3" and len(parts) > 1:
        return parts[1:]
    if "_git" in parts[1:-1]:
        at = parts.index("_git")
        return [*parts[:at], *parts[at + 1 :]] if at > 1 else [parts[0], parts[-1], parts[-1]]
    return parts


def _file_key(path: str) -> str:
    if re.match(r"//|[^/]", path):  # "//me:secret@host/…": somebody forgot the scheme
        _without_password(path)
    return f"file:{'/'.join(_parts(path.replace(chr(92), '/'), dots=True))}"


def _without_password(path: str) -> None:
    """In "https://me:pa/ss@host/…" what git reads as the path is the end of somebody's password."""
    if "@" in path:
        raise BadRemote("its path holds an @; percent-encode a password, or better leave it out")


def _parts(path: str, *, dots: bool = False) -> list[str]:
    decoded = path if dots else unquote(path, errors="replace")
    parts = [part for part in decoded.split("/") if part not in ("", ".")]
    if any(re.search(r"[\x00-\x1f\x7f]", part) or (part == ".." and not dots) for part in parts):
        raise BadRemote("its path cannot be read")
    if parts and parts[-1] != ".git":
        parts[-1] = parts[-1].removesuffix(".git")
    elif parts:
        parts.pop()
    if not parts:
        raise BadRemote("it names no repository")
    return parts


def _directory_name(path: Path) -> str:
    name = path.name.encode("utf-8", "replace").decode("utf-8")
    return re.sub(r"[\x00-\x1f\x7f/:]", "_", name) or "root"


def _digest(path: Path) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:6]
