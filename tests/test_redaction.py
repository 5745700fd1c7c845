"""What must not be seen is not seen, and what is no secret stays: both sides of one function."""

from __future__ import annotations

import base64
import itertools
import json
import random
import secrets
import string
import time
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.redaction import (
    HELD,
    HIDDEN,
    Redactor,
    Secrets,
    bare_addresses,
    redact,
    redact_all,
    says_secret,
)

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1In0.c2lnbmF0dXJl"
INVITE = "W0r-d_" * 7 + "x"
PEM = "-----BEGIN RSA PRIVATE KEY-----\n{}\nZw==\n-----END RSA PRIVATE KEY-----".format(
    "\n".join(["MIIEpAIBAAKCAQEA" * 4] * 5)
)

# each is hidden wherever it stands
SHAPES = {
    "an invite": INVITE,
    "an access token": JWT,
    "Anthropic": "sk-ant-api03-" + "aB3-" * 20,
    "OpenAI": "sk-proj-" + "aB3_" * 12,
    "OpenAI, old": "sk-" + "aB3d" * 12,
    "GitHub": "ghp_" + "aB3d" * 9,
    "GitHub, fine": "github_pat_" + "aB3d" * 12,
    "GitLab": "glpat-" + "aB3d" * 5,
    "AWS": "AKIAIOSFODNN7EXAMPLE",
    "Google": "AIza" + "aB3d5" * 7,
    "Slack": "xoxb-123456789012-abcdef",
    "Hugging Face": "hf_" + "aB3d" * 9,
    "Stripe": "sk_live_" + "aB3d" * 6,
    "SendGrid": "SG." + "aB3d" * 5 + "." + "aB3d" * 10,
    "DigitalOcean": "dop_v1_" + "0a1b" * 16,
    "a private key": PEM,
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("around", ["{}", "got {}.", '{{"x": "{}"}}', "> {}\nmore", "({})", "key={}"])
def test_what_has_the_form_of_a_secret_is_hidden_wherever_it_stands(shape: str, around: str) -> None:
    told = redact(around.format(SHAPES[shape]))
    assert told == around.format(HIDDEN)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer ***"),
        ("authorization: bearer short", "authorization: bearer ***"),
        ('{"Authorization": "Basic bWU6c2VjcmV0"}', '{"Authorization": "Basic ***"}'),
        ("x-api-key: 0123456789ab", "x-api-key: ***"),
        ("curl -H 'Bearer abcdef123456'", "curl -H 'Bearer ***'"),
        (f"http://127.0.0.1:1#{INVITE}", "http://127.0.0.1:1#***"),
        ("http://127.0.0.1:1/sign-in?link=abcdef12&next=/", "http://127.0.0.1:1/sign-in?link=***&next=/"),
        ("https://me:s3cret@example.com/a.git", "https://***@example.com/a.git"),
        ("https://t0ken@example.com/a.git", "https://***@example.com/a.git"),
        ("postgresql://ada:pw@db:5432/studio", "postgresql://***@db:5432/studio"),
        ("https://a.example,https://me:pw@b.example", "https://a.example,https://***@b.example"),
        ("url_https://me:p@ss@b.example/x@y", "url_https://***@b.example/x@y"),
        ('{"refresh_token": "abc"}', '{"refresh_token": "***"}'),
        (r"{\"token\": \"abcdef12\"}", r"{\"token\": \"***\"}"),
        ('"token": "aLongWordOfLetters"', '"token": "***"'),
        (r"{\"secret\": \"abc\"}", r"{\"secret\": \"***\"}"),
        ("Cookie: session=abc123def456; theme=dark", "Cookie: ***"),
        ("set-cookie: sid=abc; Path=/\nnext", "set-cookie: ***\nnext"),
        ('{"Cookie": "session=abc"}', '{"Cookie": "***"}'),
        ("DB_PASS=hunter2abc", "DB_PASS=***"),
        ("MYSQL_PWD='hunter'", "MYSQL_PWD='***'"),
        ("GITLAB_PAT=abc123def", "GITLAB_PAT=***"),
        ("SIGNING_KEY=abc123def", "SIGNING_KEY=***"),
        ("SESSION_KEY: 'abc123def'", "SESSION_KEY: '***'"),
        ('GH_TOKEN="abc"', 'GH_TOKEN="***"'),
        ("psql --password hunter2xx -d x", "psql --password *** -d x"),
        ("x --db-pass='correct horse' y", "x --db-pass='***' y"),
        ("gh --token aBcDe", "gh --token ***"),
        ("x --api-key=abcdef y", "x --api-key=*** y"),
        ("curl -s -u me:secret https://x", "curl -s -u me:*** https://x"),
        ("wget --user me:hunter2 https://x", "wget --user me:*** https://x"),
        ("https://hooks.slack.com/services/T0/B0/abcdefXYZ", "https://hooks.slack.com/***"),
        ('"password": "correct horse \\" battery"', '"password": "***"'),
        ("password='x y'", "password='***'"),
        ("api_key = 12345abc", "api_key = ***"),
        ("AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPx", "AWS_SECRET_ACCESS_KEY=***"),
        ("GET /page?token=abc&x=1", "GET /page?token=***&x=1"),
        ("auth key:" + "0a" * 32, "auth key:***"),
    ],
)
def test_what_its_name_or_its_place_gives_away_is_hidden(text: str, told: str) -> None:
    """What `token` names must look random as well: the word is one of grammar, too, and `"else"` is no secret."""
    assert redact(text) == told
    assert redact(told) == told


@pytest.mark.parametrize(
    "text",
    [
        "the access token has expired",
        "a Bearer token is needed",
        str(uuid.UUID(int=7)),
        "c0ffee" * 6 + "c0ff",
        "sha256:" + "0a" * 32,
        "commit " + "0a" * 32,
        "SHA256:" + INVITE,
        "sha512-" + base64.b64encode(bytes(range(64))).decode(),
        "data:image/png;base64," + base64.b64encode(bytes(range(256)) * 20).decode(),
        "ssh://git@github.com/owner/repo",
        "https://unpkg.com/react@18.2.0/index.js and me@example.com",
        "token = secrets.token_urlsafe(32)",
        "def f(token: str, password: str | None = None) -> None:",
        'headers={"Authorization": f"Bearer {token}", "x-api-key": key}',
        "assert token == expected",
        'SyntaxError: unexpected token: "else"',
        "+    token = 'NUMBER'",
        '+    next_token = "STRING_LITERAL"',
        "https://example.com/?link=next",
        "MAESTRO_KEY=task-12",
        "give it --token TOKEN or --password=PASSWORD, and --token to see it",
        "docker run -u 1000:1000 --user app:staff",
        "the cookie: it is stale; Cookie: sid={sid}",
        "first_pass = 'done'",
        "max_tokens=100000 input_token=123456",
        "password: ${DB_PASSWORD}  # or <your password>",
        'getpass("password: ").strip()',
        "test_some_very_long_function_name_of_43_chars_",
        "class ThisIsTheNameOfAClassOfFortyThreeLetterss",
        "VERDICT: APPROVED",
        "task-some-branch-name-with-a-long-tail-12-34",
        "-----BEGIN CERTIFICATE-----\nMIIEpAIBAAKCAQEA\n-----END CERTIFICATE-----",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert redact(text) == text


def test_our_own_sources_are_ordinary_text() -> None:
    """Agents print code all day. What is hidden in ours are the addresses and names of examples."""
    for path in sorted(Path(__file__).parents[1].joinpath("maestro_ray").rglob("*.py")):
        if path.name != "redaction.py":
            lines = path.read_text().splitlines()
            touched = [line for line in lines if redact(line) != line]
            assert all("://" in line for line in touched), (path, touched)


def test_a_key_takes_no_line_with_it_that_is_not_its_own() -> None:
    """A text between its marks that is no key could be the verdict, or the fence around one."""
    text = f"-----BEGIN PRIVATE KEY-----\n{'A' * 64}\n```\nVERDICT: REJECTED\n-----END PRIVATE KEY-----\n"
    assert redact(text) == "***```\nVERDICT: REJECTED\n-----END PRIVATE KEY-----\n"


# ── values that are known ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["OPENAI_API_KEY", "GH_TOKEN", "PGPASSWORD", "MYSQL_PWD", "AWS_SECRET_ACCESS_KEY",
                                  "GITLAB_PAT", "DB_PASS", "X_SECRETS", "apikey"])  # fmt: skip
def test_names_that_say_secret(name: str) -> None:
    assert says_secret(name)


@pytest.mark.parametrize("name", ["PATH", "PWD", "OLDPWD", "MAX_TOKENS", "KEYBOARD", "SSH_AUTH_SOCK", "MAESTRO_KEY",
                                  "XDG_RUNTIME_DIR", "TOKENIZERS_PARALLELISM"])  # fmt: skip
def test_names_that_do_not(name: str) -> None:
    assert not says_secret(name)


def test_a_known_value_is_hidden_in_every_way_to_write_it() -> None:
    value = 'p"ss wörd/&'
    known = Secrets.of({"DB_PASSWORD": value, "HOME": "/home/somebody", "SHORT_KEY": "abc"})
    forms = [value, json.dumps(value), json.dumps(value, ensure_ascii=False), "p%22ss%20w%C3%B6rd%2F%26"]
    for form in forms:
        told = redact(f"it is {form} at /home/somebody, abc", known)
        assert "ss" not in told.replace("somebody", "")
        assert told.endswith("at /home/somebody, abc")


def test_a_known_value_of_several_lines_is_hidden_line_by_line() -> None:
    known = Secrets(["first line of it\nsecond line of it\nx"])
    assert redact("- second line of it -", known) == "- *** -"


def test_the_longest_value_goes_first() -> None:
    assert redact("secret-and-more", Secrets(["secret", "secret-and-more"])) == HIDDEN


def test_a_value_is_redacted_through_and_through() -> None:
    value = {
        "output": [f"x {INVITE}", 5, None],
        "key": "one",
        "refresh_token": "abc",
        "in": {"api_key": "k", "tokens": 7},
    }
    told = {
        "output": ["x ***", 5, None],
        "key": "one",
        "refresh_token": "***",
        "in": {"api_key": "***", "tokens": 7},
    }
    assert redact_all(value) == told
    assert redact_all({"a": "knownvalue"}, Secrets(["knownvalue"])) == {"a": HIDDEN}


# ── properties ───────────────────────────────────────────────────────────────────────────────────────────────────────

prose = st.text(st.sampled_from("abc de.,:;=\"'\\/\n@#?&-_*>|{}()[]<1"), max_size=60)
tokens = st.builds(
    lambda seed: base64.urlsafe_b64encode(random.Random(seed).randbytes(32)).decode().rstrip("="),
    st.integers(0, 10**9),
).filter(lambda token: sum(map(str.isdigit, token)) >= 1 and min(_cases(token)) >= 7)


def _cases(text: str) -> tuple[int, int]:
    return sum(map(str.isupper, text)), sum(map(str.islower, text))


@given(st.text() | prose)
def test_the_second_time_changes_nothing(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(prose, tokens, prose)
def test_a_token_of_ours_never_comes_through(before: str, token: str, after: str) -> None:
    assert token not in redact(f"{before} {token} {after}")


@given(prose, st.text(string.ascii_letters + "/+\" '\\é", min_size=8, max_size=30), prose)
def test_a_known_value_never_comes_through(before: str, value: str, after: str) -> None:
    known = Secrets([value])
    if any(value.strip() == form for form in known):
        assert value.strip() not in redact(before + value + after, known)


@given(
    st.text(st.sampled_from("0123456789abcdef-"), max_size=80),
    st.text(string.ascii_lowercase + " ", max_size=80),
)
def test_hashes_and_words_stay(hashes: str, words: str) -> None:
    assert redact(f"{words} {hashes}") == f"{words} {hashes}"


@given(st.lists(st.sampled_from([PEM, INVITE, JWT, "knownvalue", "token: ", "abc ", "\n", "Bearer ", "x1y2z3a4b5 ", "é"])),
       st.data())  # fmt: skip
def test_however_it_is_cut_no_secret_comes_through(parts: list[str], data: st.DataObject) -> None:
    text = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    redactor = Redactor(Secrets(["knownvalue"]))
    bounds = [0, *cuts, len(text)]
    told = "".join(redactor.feed(text[a:b]) for a, b in itertools.pairwise(bounds))
    told += redactor.close()
    for secret in ("knownvalue", "MIIEpAIBAAKCAQEAMIIEpAIBAAKCAQEA"):
        assert secret not in told
    whole = redact(text, Secrets(["knownvalue"]))
    if INVITE in whole or JWT in whole:
        return  # glued to other letters it is no token of ours
    assert INVITE not in told
    assert JWT not in told


def test_whole_lines_do_not_wait_for_the_next() -> None:
    redactor = Redactor(Secrets(["knownvalue"]))
    assert redactor.feed("one\ntwo wor") == "one\ntwo "
    assert redactor.feed("ds k") == "words "
    assert redactor.feed("nown\n") == "known\n"
    assert redactor.feed("the password\n") == "the password\n"
    assert redactor.close() == ""


def test_what_never_ends_is_not_waited_for() -> None:
    redactor = Redactor()
    told = "".join(redactor.feed("x" * 1000) for _ in range(100)) + redactor.close()
    assert told == "x" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        f"-----BEGIN RSA PRIVATE KEY-----\n{('Ab1' * 21 + 'x' + chr(10)) * 600}-----END RSA PRIVATE KEY-----\n",
        f"-----BEGIN PRIVATE KEY-----{('Ab1' * 21 + 'x' + chr(92) + 'n') * 600}-----END PRIVATE KEY-----\n",
        f"-----BEGIN PRIVATE KEY----- {'Ab1' * 10_000} -----END PRIVATE KEY-----\n",
    ],
)
@pytest.mark.parametrize("size", [7, 512, 10_000, 100_000])
def test_a_private_key_is_hidden_however_long_it_is(text: str, size: int) -> None:
    """Without `_shortened` its rest is shown, or all of it is kept in memory."""
    redactor = Redactor()
    told = ""
    for at in range(0, len(text), size):
        told += redactor.feed(text[at : at + size])
        assert len(redactor._held) < HELD + size
    assert told + redactor.close() == "***\n"


@pytest.mark.parametrize(
    "text", ["." * 50, "tests/x.py ....", ".F...", "Continue? [y/n]", "Continue? (y) > ", "50 % |##"]
)
def test_what_can_begin_no_secret_is_shown_at_once(text: str) -> None:
    assert Redactor().feed(text) == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("DB_PASS=hunter2abc x", "DB_PASS=*** x"),
        ("psql --password hunter2xx x", "psql --password *** x"),
        ("x --db-pass='correct horse' y", "x --db-pass='***' y"),
        ('the password: "correct horse battery" y', 'the password: "***" y'),
        ("curl -s -u me:secret https://x", "curl -s -u me:*** https://x"),
        ("wget --user me:hunter2 https://x", "wget --user me:*** https://x"),
        ("Cookie: a=b c; d=e f", "Cookie: ***"),
        ("auth key:" + "0a" * 32, "auth key:***"),
        ("https://me:p]s3cret@example.com/a.git", "https://***@example.com/a.git"),
        ("GET /x?sig=a]b]c", "GET /x?sig=***"),
        (f"token: {INVITE}Bearer ", "token: *** "),
        (f"token: {INVITE}token: {PEM}", "token: *** ***"),
        ("SHA256:" + INVITE, "SHA256:" + INVITE),
        (f"({PEM})", "(***)"),
        (f"the ]{INVITE}", "the ]***"),
    ],
)
@pytest.mark.parametrize("size", [1, 5, 1000])
def test_what_comes_in_pieces_is_told_as_if_it_came_at_once(text: str, told: str, size: int) -> None:
    redactor = Redactor()
    pieces = [redactor.feed(text[at : at + size]) for at in range(0, len(text), size)]
    assert "".join(pieces) + redactor.close() == told


@pytest.mark.parametrize("piece", ["x", ".", "a.", "x y ", "a]", "token ", "A" * 43 + " ", "PRIVATE KEY ", "curl ",
                                   "-----BEGIN PRIVATE KEY-----\n", "&a=]"])  # fmt: skip
def test_no_text_takes_long_character_by_character(piece: str) -> None:
    """Without `_GOES_ON` each character of a word looks at the whole of it again: 16 times here."""
    text = piece * (8_000 // len(piece))

    def seconds(text: str) -> float:
        redactor, began = Redactor(Secrets(["xknown" * 500])), time.process_time()
        for each in text:
            redactor.feed(each)
        return time.process_time() - began

    assert min(seconds(text) for _ in range(2)) < 8 * min(seconds(text[:2000]) for _ in range(2)) + 0.2


@pytest.mark.parametrize("piece", ["token", 'token="', "a.", "-----BEGIN RSA PRIVATE KEY-----", "sk-", "sk-1", "eyJ",
                                   "A", "http://", "bearer ", "password: '", "authorization:", "?token=", " ", "x@",
                                   "-----BEGIN PRIVATE KEY-----\n" + "A" * 19 + "\n", "api_key \t", "auth:a", '\\"',
                                   "secret=a1", "://a:", "curl ", "curl -u a:", "--token ", "--a-", "cookie: a=", "DB_PASS=", "A_KEY: '", "A" * 43 + "."])  # fmt: skip
def test_no_text_takes_long(piece: str) -> None:
    """Ten times as long must not take a hundred times as long."""
    short, long = piece * (20_000 // len(piece)), piece * (200_000 // len(piece))

    def seconds(text: str) -> float:
        began = time.process_time()
        redact(text, Secrets(["knownvalue"]))
        return time.process_time() - began

    assert min(seconds(long) for _ in range(2)) < 40 * max(seconds(short) for _ in range(3)) + 0.05


def test_git_addresses_lose_everything_but_the_place() -> None:
    text = "see https://u:p@ss/w@h/x?k=v#f and http://t@h"
    assert bare_addresses(text) == "see https://h/x and http://h"


def test_chance_makes_tokens_that_are_hidden() -> None:
    """By form alone: fewer than one of a hundred looks like a name, and those stand behind `#`, `link=` or a name."""
    hidden = sum(redact(secrets.token_urlsafe(32)) == HIDDEN for _ in range(1000))
    assert hidden > 985
