"""Which of our environment variables an agent may see: those on a short list, and those somebody named for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "all_proxy")

_PERSON = ("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "TMPDIR")

_CERTIFICATES = (
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "PIP_CERT",
    "GIT_SSL_CAINFO",
)

ALLOWED = frozenset({*_PERSON, *_CERTIFICATES, *_PROXIES, *map(str.upper, _PROXIES)})


def allowed(environ: Mapping[str, str], extra: Sequence[str] = ()) -> dict[str, str]:
    """The part of `environ` an agent may see: the list above, `LC_*`, and the names in `extra`.

    Ray's own variables stay here whatever `extra` says: one of them is the key to the whole cluster.
    """
    wanted = ALLOWED.union(extra)
    return {
        name: value
        for name, value in environ.items()
        if (name in wanted or name.startswith("LC_")) and not name.startswith("RAY_")
    }
