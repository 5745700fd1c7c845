from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
SECRET = "s3cr3t-value-of-mine"


@pytest.fixture
def servers(ground, monkeypatch):
    monkeypatch.setenv("GH_TOKEN_OF_MINE", SECRET)
    entries = {
        "bad": {"comand": "x"},
        "hub": {
            "command": "npx",
            "args": ["-y", "hub"],
            "env": {"TOKEN": "${GH_TOKEN_OF_MINE}", "RAW": SECRET},
        },
    }
    ground.write(
        {
            "repo/.mcp.json": json.dumps({"mcpServers": entries}),
            "home/config.toml": '# mine\n[mcp.hub]\nurl = "https://x.example/mcp"\nheaders = { Authorization = "'
            + SECRET
            + '" }\n',
        }
    )
    return ground


def test_all_are_listed_and_no_value_is(servers):
    path = servers.repo / ".mcp.json"
    assert servers.text("mcp", "list") == (
        "NAME  FROM        STATE     ABOUT\n"
        "hub   user        used      http: https://x.example/mcp\n"
        f"bad   repository  broken    it needs a command or url: unknown key 'comand' (did you mean command?) ({path})\n"
        f"hub   repository  shadowed  by {servers.home}/config.toml\n"
    )
    assert SECRET not in json.dumps(servers.json("mcp", "list"))


def test_one_is_shown_with_the_variables_it_needs(servers):
    assert servers.text("mcp", "show", "hub") == (
        "name       hub\n"
        "from       user\n"
        "state      used\n"
        f"file       {servers.home}/config.toml\n"
        "transport  http\n"
        "url        https://x.example/mcp\n"
        "headers    Authorization = ***\n"
        f"also in    {servers.repo}/.mcp.json (shadowed)\n"
    )
    (servers.home / "config.toml").unlink()
    told = servers.json("mcp", "show", "hub")
    assert told["server"]["env"] == {"TOKEN": "${GH_TOKEN_OF_MINE}", "RAW": "***"}
    assert told["server"]["variables"] == {"GH_TOKEN_OF_MINE": "set, but not allowed to it"}
    servers.write({"home/config.toml": '[agents]\nenv = ["GH_TOKEN_OF_MINE"]\n'})
    assert servers.json("mcp", "show", "hub")["server"]["variables"] == {"GH_TOKEN_OF_MINE": "set"}
    assert servers.run("mcp", "show", "hubb")[2].endswith("(did you mean hub?)\n")


def test_one_is_added_and_removed(servers):
    path = servers.repo / ".maestro/config.toml"
    words = ["--env", "TOKEN=${GH_TOKEN_OF_MINE}", "--", "npx", "-y", "--x", "files"]
    assert servers.text("mcp", "add", "files", *words) == f"added files to {path}\n"
    assert tomllib.loads(path.read_text()) == {
        "mcp": {
            "files": {
                "command": "npx",
                "args": ["-y", "--x", "files"],
                "env": {"TOKEN": "${GH_TOKEN_OF_MINE}"},
            }
        }
    }
    assert servers.json("mcp", "show", "files")["server"]["state"] == "used"
    assert servers.run("mcp", "add", "files", "--", "x")[0] == 1
    assert servers.text("mcp", "remove", "files", "--yes") == f"removed files from {path}\n"
    assert tomllib.loads(path.read_text()) == {}


def test_ones_own_file_keeps_what_else_it_says(servers):
    told = servers.json(
        "mcp", "add", "far", "--user", "--url", "https://y.example", "--header", f"X-Api-Key={SECRET}"
    )
    assert SECRET not in json.dumps(told)
    text = (servers.home / "config.toml").read_text()
    assert text.startswith("# mine\n[mcp.hub]")
    assert tomllib.loads(text)["mcp"]["far"] == {"url": "https://y.example", "headers": {"X-Api-Key": SECRET}}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["x"], "x: it needs a command or url"),
        (["x", "--url", "https://y", "--", "z"], "x: it needs only one of command or url"),
        (["a.b", "--", "z"], "a.b: the name of a server is made of letters"),
        (["x", "--env", "A", "--", "z"], "--env needs NAME=TEXT"),
        (["x", "--env", f"API_TOKEN={SECRET}", "--", "z"], "the value of API_TOKEN looks like a secret"),
        (
            ["x", "--url", "https://y", "--header", f"Authorization={SECRET}"],
            "the value of Authorization looks like",
        ),
    ],
)
def test_what_is_no_server_is_not_written(servers, words, said):
    code, out, err = servers.run("mcp", "add", *words)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {said}")
    assert SECRET not in err
    assert not (servers.repo / ".maestro/config.toml").exists()


def test_no_link_leads_what_is_written_out_of_the_repository(servers):
    before = (servers.home / "config.toml").read_text()
    (servers.repo / ".maestro").mkdir()
    (servers.repo / ".maestro/config.toml").symlink_to(servers.home / "config.toml")
    assert servers.run("mcp", "add", "x", "--", "y")[0] == 2
    assert (servers.home / "config.toml").read_text() == before


def test_what_stands_in_a_file_of_others_is_taken_out_there(servers):
    (servers.home / "config.toml").unlink()
    assert servers.run("mcp", "remove", "hub", "--yes") == (
        1,
        "",
        (
            f"error: the server 'hub' stands in {servers.repo}/.mcp.json, which maestro does not write\n"
            "hint: take it out there\n"
        ),
    )


def test_a_bad_entry_is_exit_1(servers):
    code, out, _ = servers.run("mcp", "validate")
    assert code == 1
    assert out.splitlines()[-1] == "3 MCP servers, 1 broken"


@pytest.mark.parametrize(
    "words", [["--url", "https://me:pa55word@x.example"], ["--", "npx", "--api-key", "correcthorse"]]
)
def test_no_secret_is_written_into_the_repository_wherever_it_stands(servers, words):
    code, _, err = servers.run("mcp", "add", "fresh", *words)
    assert (code, "looks like a secret" in err) == (2, True), err
    assert servers.run("mcp", "add", "fresh", "--user", *words)[0] == 0
    assert servers.run("mcp", "add", "other", "--", "npx", "--api-key", "${KEY}")[0] == 0


def test_it_serves_one_run_over_its_line(servers, tmp_path):
    """What it is to begin with: light. An agent waits for it at each of its starts."""
    heavy = {"ray", "textual", "httpx", "asyncio", "websockets", "sqlalchemy", "starlette"}
    code = (
        "import json, sys; from maestro_cli import main; code = main.run(sys.argv[1:]); "
        "print(json.dumps([code, sorted(sys.modules)]))"
    )
    argv = [sys.executable, "-c", code, "mcp", "serve", "--line", str(tmp_path / "nowhere")]
    env = {
        "PYTHONPATH": f"{ROOT}:{ROOT / 'cli'}",
        "PATH": "/usr/bin:/bin",
        "MAESTRO_HOME": str(tmp_path / "h"),
    }
    done = subprocess.run(argv, env=env, capture_output=True, text=True, check=True)
    exit_code, loaded = json.loads(done.stdout)
    assert exit_code == 1
    assert done.stderr == f"the line {tmp_path}/nowhere cannot be reached: No such file or directory\n"
    assert not heavy & set(loaded)


def test_without_a_line_there_is_nothing_to_serve(servers, monkeypatch):
    monkeypatch.delenv("MAESTRO_LINE", raising=False)
    code, out, err = servers.run("mcp", "serve")
    assert (code, out) == (2, "")
    assert "needs the line of a run" in err
