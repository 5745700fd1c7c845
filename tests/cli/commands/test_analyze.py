from __future__ import annotations

import json
import os

import pytest

from maestro_cli import main


@pytest.fixture
def analyze(sample, capsys):
    sample.commit(
        "more", **{"Makefile": "test:\n", "src/a.py": "x = 1\n", "AGENTS.md": "Mind it.\n", "a.txt": "y"}
    )

    def run(*words):
        code = main.run(["-C", str(sample.path), "analyze", *words])
        return (code, *capsys.readouterr())

    return run


def test_what_the_repository_is_made_of_is_shown(analyze, sample):
    head = sample.git("rev-parse", "HEAD")
    assert analyze("--no-upload") == (
        0,
        (
            f"commit {head[:10]}: 6 files, 30 bytes\n"
            "languages\n  Makefile  50%  1 file\n  Python    50%  1 file\n"
            "commands\n  test  make test  Makefile\n"
            "directories\n  src/  1 file  Python\n"
            "changed most\n  a.txt  2 commits\n"
            "manifests\n  Makefile  make\n"
            "context files\n  AGENTS.md\n"
            "\nnothing was uploaded\n"
        ),
        "",
    )


def test_it_is_told_to_the_project(analyze, sample, daemon):
    told = {"project": {"id": "p", "key": "github:a/b"}, "items": 4, "changed": 3, "gone": 1}
    daemon.answers["project.learn"] = lambda params, notify: told
    code, out, err = analyze()
    assert (code, out.splitlines()[-1], err) == (0, "4 items told to github:a/b, 3 new, 1 gone", "")
    ((method, params),) = daemon.asked
    assert (method, params["repo"]) == ("project.learn", str(sample.path))
    assert [each["kind"] for each in params["items"]] == [
        "languages",
        "commands",
        "directories",
        "hot_files",
        "context",
    ]
    daemon.answers["project.learn"] = lambda params, notify: {**told, "changed": 0, "gone": 0}
    assert analyze()[1].splitlines()[-1] == "4 items told to github:a/b, as before"
    answer = json.loads(analyze("--json")[1])
    assert (answer["kind"], answer["status"], answer["uploaded"]["items"]) == ("analysis", "uploaded", 4)
    assert answer["commands"] == [{"kind": "test", "command": "make test", "source": "Makefile"}]


def test_of_much_the_first_is_shown(sample, capsys):
    sample.commit("more", **{f"d{number:02}/a.py": "" for number in range(20)})
    main.run(["-C", str(sample.path), "analyze", "--no-upload"])
    assert "  d11/  1 file  Python\n  … 8 more\n" in capsys.readouterr().out


def test_outside_of_a_repository_there_is_nothing_to_look_at(tmp_path, capsys):
    assert main.run(["-C", str(tmp_path), "analyze"]) == 1
    assert "error: " in capsys.readouterr().err


def test_names_that_are_no_text_are_shown_told_and_written_as_json(analyze, sample, daemon):
    odd = os.fsdecode(b"caf\xe9\n\x1b[31m")
    for text in ("1", "2"):
        (sample.path / odd).mkdir(exist_ok=True)
        (sample.path / odd / "a.py").write_text(text)
        sample.commit("odd")
    daemon.answers["project.learn"] = lambda params, notify: {
        "project": {"id": "p", "key": "k"}, "items": 1, "changed": 0, "gone": 0,
    }  # fmt: skip
    code, out, err = analyze()
    assert (code, err, "\x1b[31m" in out, "caf" in out) == (0, "", False, True)
    code, out, err = analyze("--json")
    assert (code, err) == (0, "")
    assert f"{odd}/a.py" in [each["path"] for each in json.loads(out)["hot_files"]]


def test_a_branch_without_a_commit_is_empty(analyze, sample):
    sample.git("checkout", "-q", "--orphan", "fresh")
    code, out, err = analyze()
    assert (code, out, "has no commit" in err) == (1, "", True), err
