"""Redaction: text and values without the secrets in them, before they are logged, shown, exported or given to an agent.

What is known to be secret goes wherever it stands; what only looks like a secret goes where it cannot well be anything
else. A commit, a uuid, a digest, a base64 picture and a line of code stay as they are. Time grows with the length of
the text, whatever it holds: no pattern looks twice at more than a few hundred characters.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

HIDDEN = "***"

# a shorter value cannot be told from a word
SHORTEST = 6
# of what may still become a secret when more is said, in characters
HELD = 8_192

_SAYS_SECRET = re.compile(
    r".*(?:KEY|TOKEN|SECRETS?|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)|.*PASS|PAT", re.DOTALL
)
# a task's key, which every agent is told
_NOT_SECRET = frozenset({"MAESTRO_KEY"})

# ── what cannot well be anything else ────────────────────────────────────────────────────────────────────────────────

_GAP = r"(?:[\s>|]|\\[nrt])"
_KEY_BEGINS = r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?-----"
# what a key's body is made of and nothing else: no line of another kind may vanish with it
_BODY = rf"(?:{_GAP}|[A-Za-z0-9+/=]{{20,}}|(?:Proc-Type|DEK-Info|Version): [\w,.: -]{{1,80}})*+"
_LAST_LINE = rf"[A-Za-z0-9+/=]{{1,19}}{_GAP}*+"
_PRIVATE_KEY = (
    rf"{_KEY_BEGINS}{_BODY}(?:(?:{_LAST_LINE})?-----END [A-Z0-9 ]{{0,30}}PRIVATE KEY(?: BLOCK)?-----)?"
)
# words of which one at least is in every text that the pattern beside them finds something in: looking for a word takes
# a hundredth of the time that a pattern takes
_Rule = tuple[tuple[str, ...], re.Pattern[str]]


def _shape(*begins: str, rest: str) -> _Rule:
    return begins, re.compile(rf"(?<![\w+/-])(?:{'|'.join(map(re.escape, begins))}){rest}")


_SHAPES: tuple[_Rule, ...] = (
    (("PRIVATE KEY",), re.compile(_PRIVATE_KEY)),
    _shape("sk-ant-", rest=r"[\w-]{8,}"),
    _shape("sk-", rest=r"(?=[\w-]{0,200}?\d[\w-]{0,200}?\d)[\w-]{20,}"),  # OpenAI and all who copied its form
    _shape("ghp_", "gho_", "ghu_", "ghs_", "ghr_", rest=r"[A-Za-z0-9]{20,}"),
    _shape("github_pat_", rest=r"\w{20,}"),
    _shape("glpat-", "gldt-", "glrt-", "glcbt-", "gloas-", rest=r"[\w-]{20,}"),
    _shape("AKIA", "ASIA", rest=r"[A-Z0-9]{16}(?![A-Za-z0-9])"),
    _shape("AIza", rest=r"[\w-]{35}(?![\w-])"),
    _shape("xox", rest=r"[a-z]-[\w-]{10,}"),
    _shape("xapp-", rest=r"\d-[\w-]{10,}"),
    _shape("hf_", "npm_", "gsk_", "pypi-", rest=r"[A-Za-z0-9]{30}[\w-]*+"),
    _shape("sk_live_", "sk_test_", "rk_live_", "rk_test_", rest="[A-Za-z0-9]{16,}"),
    _shape("SG.", rest=r"[\w-]{16,}\.[\w-]{16,}"),  # SendGrid
    _shape("dop_v1_", "doo_v1_", "dor_v1_", rest="[A-Za-z0-9]{32,}"),  # DigitalOcean
    (
        ("hooks.slack.com/",),
        re.compile(r"(?<=hooks\.slack\.com/)(?:services|workflows|triggers)/[\w/-]{10,}"),
    ),
    _shape("eyJ", rest=r"[\w-]{5,}\.[\w-]{4,}\.[\w-]*+"),  # a JWT
)

# invites, refresh tokens, links: 32 random bytes. A name of 43 letters is none, nor is a digest or a part of a picture.
_TOKEN = re.compile(r"(?<![\w+/-])(?<!SHA256:)[\w-]{43}(?![\w+/=-])")
# an address without a path may be followed by another at once: only one that has an @ counts
_IN_URL = re.compile(r"(?<![A-Za-z0-9+.-])([A-Za-z][A-Za-z0-9+.-]{1,20}://)([^\s/?#\"'<>\\]{1,600})@")

# ── what its name or its place gives away ────────────────────────────────────────────────────────────────────────────

# nothing that is hidden already, and nothing that only stands for a secret: `Bearer {token}`, `$TOKEN`, `<your key>`
_REAL = r"(?![*{$<%)\]},;:\s])"
# names of nothing but secrets; those of an environment are in capitals
_SURE = (
    r"(?:secret|password|passwd|passphrase|credentials?|(?:api|access|private|secret|signing)[_-]?key"
    r"|(?:access|refresh|auth|api|bearer|session)[_-]?token|(?-i:[A-Z0-9]_(?:TOKEN|PASS|PWD|PAT)))"
)
# words of grammar, too: `unexpected token: "else"`
_WORD = r"(?:token|_pass|_pwd|(?-i:(?<!\bMAESTRO)_KEY))"
_NAME = rf"(?:{_SURE}|{_WORD})"
_IS = r"[ \t]{0,4}(?::|=(?!=))[ \t]{0,4}"
_HEADER = rf"(?:\b(?:proxy-)?authorization|\bx-api-key)\\?[\"']?{_IS}\\?[\"']?"

_QUERY = r"(?:sig|api_?key|[a-z_]{0,20}(?:token|secret|password|signature))"
# has letters and figures, or is long
_RANDOM = r"(?=[^\s\"'\\]{0,200}?\d)(?=[^\s\"'\\]{0,200}?[A-Za-z])(?=[^\s\"'\\]{8})|(?=[^\s\"'\\]{16})"
_QUOTED = (
    r"(?:(?<=[^\\]\")(?:[^\"\\\n]|\\.){1,500}+|(?<=[^\\]')(?:[^'\\\n]|\\.){1,500}+"
    r"|(?<=\\[\"'])[^\"'\\\n]{1,500}+)"
)
_OPTION = rf"(?<![\w-])--?(?:[a-z0-9]{{1,20}}-){{0,3}}(?:pass|{_NAME})"
# `--token TOKEN` is how an option is explained
_NO_EXAMPLE = r"(?!(?-i:[A-Z_-]+)(?![\w-]))"
_PAIR = r"[ \t=]{0,4}[\"']?(?!\d+:\d)[^\s:\"'/]{1,100}:"
_TO_VALUE = rf"\\?[\"']?{_IS}\\?[\"']"
# as the patterns have them, in small letters
_NAMES = ("token", "secret", "passw", "passphrase", "credential", "key", "_pass", "_pwd", "_pat")
_OPTIONS = ("-token", "-secret", "-pass", "-credential", "key")


def _place(pattern: str, *words: str) -> _Rule:
    return words, re.compile(pattern, re.IGNORECASE)


_PLACES: tuple[_Rule, ...] = (
    _place(
        rf"([?&]{_QUERY}=){_REAL}[^\s&#\"'<>\\]+",
        "sig=",
        "key=",
        "token=",
        "secret=",
        "password=",
        "ature=",
    ),
    _place(
        rf"({_HEADER}(?:bearer|basic|token)[ \t]{{1,4}}){_REAL}[^\s\"'\\,;]+", "authorization", "x-api-key"
    ),
    _place(
        rf"({_HEADER})(?!(?:bearer|basic|token)\b){_REAL}(?=\S{{0,100}}?\d)[^\s\"'\\,;]{{8,}}",
        "authorization",
        "x-api-key",
    ),
    _place(rf"(\bbearer[ \t]{{1,4}})(?=[\w.~+/=-]{{0,40}}?\d){_REAL}[\w.~+/=-]{{8,}}", "bearer"),
    # channel authorisation: `auth` and then `<key>:<signature>`
    _place(r"(\bauth\W{1,6}[\w-]{1,64}:)[0-9a-f]{64}(?!\w)", "auth"),
    _place(
        r"(\b(?:set-)?cookie\\?[\"']?:[ \t]{0,4}\\?[\"']?)(?=[\w.-]{1,80}=(?![*{$<%\s]))[^\r\n\"'\\]{1,4000}",
        "cookie",
    ),
    # maestro's own link to sign in
    _place(rf"([?&]link=){_REAL}(?:{_RANDOM})[^\s&#\"'<>\\]+", "link="),
    _place(rf"(\bcurl\b[^\n]{{0,200}}?[ \t](?:-u|--(?:proxy-)?user){_PAIR}){_REAL}[^\s\"']+", "curl"),
    _place(
        rf"((?<![\w-])(?:-u|--(?:proxy-)?user){_PAIR}){_REAL}(?=\S{{0,200}}?\d)(?=\S{{0,200}}?[A-Za-z])[^\s\"']{{6,}}",
        "-u",
    ),
    _place(rf"({_OPTION}(?:=|[ \t]{{1,4}})[\"']){_REAL}[^\"'\n]{{1,500}}+", *_OPTIONS),
    _place(rf"({_OPTION}=){_REAL}{_NO_EXAMPLE}[^\s\"'\\]+", *_OPTIONS),
    _place(
        rf"({_OPTION}[ \t]{{1,4}}){_REAL}{_NO_EXAMPLE}(?=\S{{0,200}}?(?:\d|(?-i:[a-z][A-Z])))[^\s\"'\\]+",
        *_OPTIONS,
    ),
    _place(
        rf"((?:{_SURE}|{_WORD}(?={_TO_VALUE}(?:{_RANDOM}))){_TO_VALUE}){_REAL}{_QUOTED}",
        *_NAMES,
    ),
    # without quotation marks it has letters and figures and is no call: `token = secrets.token_hex(32)` is code
    _place(
        rf"({_NAME}{_IS}){_REAL}(?![A-Za-z_]\w{{0,80}}\.)(?=\S{{0,200}}?\d)(?=\S{{0,200}}?[A-Za-z])"
        r"[^\s\"'\\,;&(){}\[\]]{6,}+(?![(\[{])",
        *_NAMES,
    ),
)

# what is said in front of a secret
_LEAD = (
    rf"(?:bearer|basic|authorization|x-api-key|{_NAME}|-pass|-u|-user)"
    r"(?:\\?[\"']|[ \t:=]|bearer|basic){0,12}"
)
# how a secret may begin whose rest has not been said yet: within a line, and a key
_UNFINISHED = re.compile(
    rf"(?:{_LEAD}"
    r"(?:(?<=[\"'])[^\"'\n]{0,500}+|\S{0,500}+)"
    r"|(?:cookie\\?[\"']?:[^\n]{0,4000}|\bcurl[ \t][^\n]{0,300}|\bauth\W{1,6}\S{0,130})"
    r"|(?:://|[?&]\w)\S{0,600}+"
    r"|(?<![\w+/=~-])(?:[+/=~-]{0,9}\w|-(?=-{0,4}\Z))(?:[\w+/=~:?&#-]|\.(?!\.))*+"
    r"|-----[A-Z][A-Z0-9 ]{0,60}-{0,5})\Z",
    re.IGNORECASE,
)
_UNFINISHED_KEY = re.compile(
    rf"{_KEY_BEGINS}{_BODY}(?:{_LAST_LINE})?(?:-{{1,5}}[A-Z0-9 ]{{0,60}}-{{0,5}}|[\w+/=:,. \\-]{{0,100}})\Z"
)
_WHOLE_KEY = re.compile(_PRIVATE_KEY)
_LED = re.compile(rf"{_LEAD}\Z", re.IGNORECASE)
# what goes on with what is held, and tells nothing new about it
_GOES_ON = re.compile(r"(?:[\w+/=~:?&#-]|\.(?!\.))+")
_NAMED = re.compile(rf"{_NAME}\Z", re.IGNORECASE)


def redact(text: str, secrets: Secrets | None = None) -> str:
    """The text with `***` in place of each secret: those that are known, and what has the form of one.

    Never raises, and what comes out comes out the same the second time.

    >>> redact("git clone https://me:pa55@example.com/a.git failed, api_key=12345abc")
    'git clone https://***@example.com/a.git failed, api_key=***'
    """
    if secrets is not None:
        text = secrets.hide(text)
    for words, shape in _SHAPES:
        if any(word in text for word in words):
            text = shape.sub(HIDDEN, text)
    if "://" in text:
        text = _IN_URL.sub(_without_password, text)
    small = text.lower()
    for words, place in _PLACES:
        if any(word in small for word in words):
            text = place.sub(rf"\1{HIDDEN}", text)
    return _TOKEN.sub(_unless_word, text)


def redact_all(value: Any, secrets: Secrets | None = None) -> Any:
    """A value of JSON with every string in it redacted; what is under a name that says secret is hidden whole."""
    match value:
        case str():
            return redact(value, secrets)
        case Mapping():
            return {key: _under(key, each, secrets) for key, each in value.items()}
        case list() | tuple():
            return [redact_all(each, secrets) for each in value]
        case _:
            return value


class Secrets:
    """Values that are known to be secret, however they are written: as they are, in JSON, in a URL, line by line."""

    def __init__(self, values: Iterable[str] = ()) -> None:
        self._values = {form for value in values for form in _forms(value) if len(form) >= SHORTEST}
        self._values -= {value for value in self._values if not value.strip("* \n\t")}
        longest_first = sorted(self._values, key=lambda value: (-len(value), value))
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._values))

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> Secrets:
        """The values of the variables whose names say that they are secret: `OPENAI_API_KEY`, `DB_PASSWORD`."""
        return cls(value for name, value in environ.items() if says_secret(name))

    def hide(self, text: str) -> str:
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def begun(self, text: str) -> int:
        """How many characters at the end of the text are the beginning of one of them."""
        return max((_overlap(text, value) for value in self._values), default=0)


class Redactor:
    """Redacts what is said piece by piece: what may yet turn out to be a part of a secret waits for the next piece."""

    def __init__(self, secrets: Secrets | None = None) -> None:
        self._secrets = secrets or Secrets()
        self._held = ""

    def feed(self, text: str) -> str:
        """What can be shown by now. Whole lines come at once, unless a private key goes on in the next."""
        goes_on = self._held and ".." not in self._held[-1:] + text[:1] and _GOES_ON.fullmatch(text)
        self._held += text
        if goes_on and len(self._held) < HELD:
            return ""
        at = self._safe()
        ready, self._held = self._held[:at], self._held[at:]
        return redact(ready, self._secrets)

    def close(self) -> str:
        """What is left when no more comes."""
        ready, self._held = self._held, ""
        return redact(ready, self._secrets)

    def _safe(self) -> int:
        """Where in what is held something begins that may become a secret, with its word and what leads to it."""
        held, key = self._held, self._held.rfind("-----BEGIN ")
        if key >= 0 and _UNFINISHED_KEY.match(held, key):
            held = self._held = held[:key] + _shortened(held[key:])
            at = _led(held, key)
        else:
            found = _UNFINISHED.search(held, max(held.rfind("\n") + 1, len(held) - HELD))
            at = _led(held, found.start()) if found else len(held)
            at = min(at, len(held) - self._secrets.begun(held))
        for whole in reversed(list(_WHOLE_KEY.finditer(held)) if key >= 0 else []):
            at = min(at, _led(held, whole.start())) if at < whole.end() else at
        # whoever says as much without an end is not waited for
        return at if len(held) - at < HELD else len(held)


def _led(text: str, at: int) -> int:
    """Where the word begins that goes on there, or the name that leads to it, or to that: `x=token: `."""
    at = _word(text, at)
    for _ in range(20):
        if not (led := _LED.search(text, max(0, at - 60), at)):
            break
        at = _word(text, led.start())
    return at


def _word(text: str, at: int) -> int:
    first = max(0, at - 600)
    return next((n for n in range(at, first, -1) if text[n - 1].isspace()), first)


def _shortened(key: str) -> str:
    """A private key that goes on, without what is of no use for telling where it ends."""
    if len(key) < HELD:
        return key
    tail = key[-HELD // 4 :]
    cut = re.search(r"\n|\\[nr]", tail) or re.search(_GAP, tail)
    return f"-----BEGIN PRIVATE KEY-----{tail[cut.start() if cut else 0 :]}"


def says_secret(name: str) -> bool:
    """Whether an environment variable with this name holds a secret: one of its words is KEY, TOKEN, SECRET, ….

    >>> says_secret("OPENAI_API_KEY"), says_secret("MAX_TOKENS"), says_secret("PWD"), says_secret("MYSQL_PWD")
    (True, False, False, True)
    """
    words = name.upper().replace("-", "_").split("_")
    secret = any(map(_SAYS_SECRET.fullmatch, words)) or "PWD" in words[1:]
    return secret and name not in _NOT_SECRET


def bare_addresses(text: str) -> str:
    """The text with user, password, query and fragment taken out of every URL: git's addresses need none of them.

    >>> bare_addresses("fatal: unable to access 'https://me:s3cret@example.com/a.git?key=1'")
    "fatal: unable to access 'https://example.com/a.git'"
    """
    return re.sub(
        r"(\w://)([^\s'\"<>]*)", lambda url: url[1] + re.split(r"[?#]", url[2].rpartition("@")[2])[0], text
    )


def _under(name: Any, value: Any, secrets: Secrets | None) -> Any:
    secret = isinstance(name, str) and isinstance(value, str) and value and _NAMED.search(name)
    return HIDDEN if secret else redact_all(value, secrets)


def _without_password(url: re.Match[str]) -> str:
    # `ssh://git@host` has no secret; over http a user alone is a token
    if ":" not in url[2] and not url[1].lower().startswith("http"):
        return url[0]
    return f"{url[1]}{HIDDEN}@"


def _unless_word(found: re.Match[str]) -> str:
    """43 characters that are random have capitals, small letters and figures in plenty; names have not."""
    text = found[0]
    counts = [sum(map(kind, text)) for kind in (str.isupper, str.islower, str.isdigit)]
    return HIDDEN if counts[0] >= 7 and counts[1] >= 7 and counts[2] >= 1 else text


def _forms(value: str) -> Iterable[str]:
    value = value.strip()
    yield from (
        value,
        quote(value, safe=""),
        json.dumps(value)[1:-1],
        json.dumps(value, ensure_ascii=False)[1:-1],
    )
    # a key of several lines is printed line by line
    lines = value.splitlines()
    yield from (line.strip() for line in lines if len(lines) > 1 and len(line.strip()) >= 16)


def _overlap(text: str, value: str) -> int:
    """How many characters at the end of the text are the beginning of the value, and not all of it."""
    at = text.find(value[0], max(0, len(text) - len(value) + 1))
    while at >= 0:
        if value.startswith(text[at:]):
            return len(text) - at
        at = text.find(value[0], at + 1)
    return 0
