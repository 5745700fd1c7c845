from __future__ import annotations

import os

import pytest

from maestro_cli.invocation import Invocation, split
from maestro_ray.errors import UsageError


def test_the_words_that_may_stand_anywhere_are_taken_out(tmp_path):
    before = split(["--json", "-C", str(tmp_path), "team", "--dev", "1"], {})
    after = split(["team", "--dev", "1", f"--cwd={tmp_path}", "--output-format", "json"], {})

    assert before == after == (Invocation(True, tmp_path, False), ["team", "--dev", "1"])


def test_what_follows_two_dashes_belongs_to_the_command():
    assert split(["steer", "--", "--json"], {})[1] == ["steer", "--", "--json"]
    assert not split(["steer", "--", "--json"], {})[0].json


def test_the_environment_chooses_the_form_and_a_word_overrules_it():
    assert split(["status"], {"MAESTRO_OUTPUT_FORMAT": "json"})[0].json
    assert not split(["--output-format=text"], {"MAESTRO_OUTPUT_FORMAT": "json"})[0].json


@pytest.mark.parametrize(
    "words", [["-C"], ["-C", "/no/such"], ["--output-format", "yaml"], ["--output-format="]]
)
def test_bad_words_are_usage_errors(words):
    with pytest.raises(UsageError):
        split(words, {})


def test_an_empty_variable_is_none():
    assert not split(["status"], {"MAESTRO_OUTPUT_FORMAT": ""})[0].json


def test_what_is_not_utf8_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"the word 'bad\\xff' is not UTF-8"):
        split(["steer", os.fsdecode(b"bad\xff")], {})
    with pytest.raises(UsageError, match="the directory"):
        assert Invocation(cwd=tmp_path / os.fsdecode(b"\xff")).here
