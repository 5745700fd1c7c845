from __future__ import annotations

import io
import os
from types import SimpleNamespace

import pytest

from maestro_cli import plan_text
from maestro_cli.plan_text import LARGEST, read_plan, sized
from maestro_ray.errors import UsageError


def test_a_file_and_standard_input(tmp_path, monkeypatch):
    (tmp_path / "plan.toml").write_text('title = "é"')
    monkeypatch.setattr(plan_text.sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"title")))

    assert read_plan("plan.toml", tmp_path) == 'title = "é"'
    assert read_plan("-", tmp_path) == "title"


def test_what_is_no_plan_is_said_with_a_hint(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "latin").write_bytes(b"title = '\xe9'")
    with (tmp_path / "large").open("wb") as large:
        large.truncate(LARGEST + 1)
    cases = {
        "pipe": "is not a regular file",
        "/dev/zero": "is not a regular file",
        ".": "is a directory",
        "missing": "cannot be read: No such file or directory",
        "latin": "is not a text in UTF-8: byte 9 is 0xe9",
        "large": f"is larger than {LARGEST} bytes",
    }
    for name, words in cases.items():
        with pytest.raises(UsageError, match=words) as found:
            read_plan(name, tmp_path)
        assert found.value.hint, name


def test_a_plan_that_no_message_holds():
    assert sized({"title": "x"}) == {"title": "x"}
    with pytest.raises(UsageError, match="when every key is written out"):
        sized({"description": "x" * LARGEST})
