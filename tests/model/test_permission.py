"""Rules: deny beats ask beats allow, whatever is asked, and however it is written."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.permission import (
    Place,
    Policy,
    Question,
    Rule,
    Ruling,
    Situation,
    Tool,
    kind_of,
    policy,
    stricter,
)

HERE = Place(("/w", "/real/w"), "/home/ada")

tools = st.sampled_from(
    ["Bash", "Edit", "Write", "Read", "WebFetch", "mcp__github__push", "commandExecution", "Task", "edit"]
)
patterns = st.text(alphabet="ab*?/.~ gitpush", max_size=12)
rules = st.builds(
    Rule,
    st.sampled_from(Ruling),
    st.sampled_from(["*", *Tool, "mcp__*", "task"]),
    st.one_of(st.none(), patterns.filter(bool)),
)
policies = st.builds(Policy, st.lists(rules, max_size=5).map(tuple), st.sampled_from(Ruling))
words = st.one_of(
    st.text(max_size=30),
    st.lists(st.sampled_from(["git", "push", "ab", " ", ";", "&&", "|", "$(", ")", "`", "'", '"', "\n", ">", "/etc/x", "$A", "sh -c", "\\"]), max_size=12).map("".join),
)  # fmt: skip
questions = st.builds(Question, tools, words, st.lists(words, max_size=2).map(tuple))


def ruled(lines: list[str], command: str, tool: str = "Bash", **situation: object) -> str:
    about = () if kind_of(tool) is Tool.SHELL else (command,)
    return policy(lines, Situation(**situation)).decide(Question(tool, command, about), HERE).ruling  # type: ignore[arg-type]


@given(policies, questions)
def test_any_text_gets_a_ruling(some: Policy, asked: Question) -> None:
    assert some.decide(asked, HERE).ruling in Ruling


@given(policies, questions, rules, st.integers(0, 5))
def test_another_rule_against_it_never_widens(some: Policy, asked: Question, more: Rule, at: int) -> None:
    if more.ruling is Ruling.ALLOW:
        more = Rule(Ruling.DENY, more.name, more.pattern)
    before = some.decide(asked, HERE).ruling
    after = Policy((*some.rules[:at], more, *some.rules[at:]), some.unattended).decide(asked, HERE).ruling
    # an ask that names what only `unattended` denied is a narrower word of the operator, and counts
    if more.ruling is Ruling.DENY:
        assert stricter(before, after) == after


@given(policies, questions, st.sampled_from(["*", None]))
def test_what_is_denied_is_denied_whatever_else_allows_it(
    some: Policy, asked: Question, name: str | None
) -> None:
    against = Rule(Ruling.DENY, name or asked.kind)
    decided = Policy((Rule(Ruling.ALLOW, "*"), *some.rules, against), some.unattended).decide(asked, HERE)
    nothing = asked.kind is Tool.SHELL and decided.ruling is Ruling.ALLOW
    assert decided.ruling is Ruling.DENY or nothing
    if nothing:
        # a file that is opened for nobody
        said = re.sub(r"<\s*\S+", "", asked.detail)
        assert not any(c.isalnum() for c in said.split("#")[0])


@given(policies, questions)
def test_what_need_not_be_asked_is_never_refused(some: Policy, asked: Question) -> None:
    """An agent that is not told to ask for it could do what the policy forbids."""
    ruling = some.decide(asked, HERE).ruling
    if asked.kind not in some.asks and not (asked.kind is Tool.SHELL and Tool.EDIT in some.asks):
        assert ruling is Ruling.ALLOW


@pytest.mark.parametrize(
    "command",
    [
        "git push", "git  push --force", "ls && git push", "ls; git push", "ls | git push", "ls\ngit push", "echo $(git push)",
        "echo `git push`", 'echo "$(git push)"', "(git push)", "{ git push; }", "if true; then git push; fi",
        "for i in 1; do git push; done", "bash -lc 'git push'", 'sh -c "ls; git push"', "env A=1 git push", "A=1 git push",
        "/usr/bin/git push", "git -C . push", "sudo -u x git push", "xargs git push", "find . -exec git push \\;",
        "g'i't pu\\sh", "git \\\n push", "$GIT push", "git $VERB", "git pu*", "git pu{sh,ll}", "git p[u]sh", "eval git push",
        "echo git push | sh", "bash <<E\ngit push\nE", "cat <(git push)", "timeout 5 sh -c 'git push'", "! git push",
        "f() { git push; }", "a \x00", "echo 'no end", "$'git' push", "case a in a) git push;; esac",
        "echo $((git push) || (true))", "cat <(true)#; git push", "set -- a; for x do git push; done", "time -p git push",
        "bash +B -c 'git push'", "command eval 'true; git push'", "flock sh bash -c 'true; git push'",
        "cat <<E\na\\\nE\ncat <<'Q'\nE\ngit push\nQ\n", "echo \"`: \\\"'\\\"; git push; : \\\"'\\\"`\"",
        "test -v 'a[$(git push)]'", "printf -v 'a[`git push`]' x", "", '{"cmd": "git push"}',
    ],
)  # fmt: skip
def test_a_denied_command_is_found_however_it_is_written(command: str) -> None:
    assert ruled(["allow *", "deny Bash(git push*)"], command) == "deny"


@pytest.mark.parametrize(
    ("command", "ruling"),
    [
        ("git status", "allow"), ("echo 'git push'", "allow"), ("git commit -m 'then git push'", "allow"),
        ("echo $HOME", "allow"), ("git commit -m \"$(cat <<'E'\nwords (more\nE\n)\"", "allow"), ("x 2>&1 >/dev/null", "allow"),
    ],
)  # fmt: skip
def test_what_only_looks_like_it_is_not(command: str, ruling: str) -> None:
    assert ruled(["allow *", "deny Bash(git push*)"], command) == ruling


@pytest.mark.parametrize(
    "command",
    ["ls; rm x", "ls $(rm x)", "ls && sh", "A=1 ls", "ls > x", "env ls", "l$A", "ls\nrm x", "ls & rm"],
)
def test_all_of_a_command_must_be_allowed(command: str) -> None:
    assert ruled(["allow Bash(ls*)", "unattended deny"], "ls -l && ls") == "allow"
    assert ruled(["allow Bash(ls*)", "unattended deny"], command) == "deny"


@pytest.mark.parametrize(
    ("path", "ruling"),
    [
        ("/etc/passwd", "deny"), ("../etc/passwd", "deny"), ("src/../../etc/passwd", "deny"), ("/w/../etc/x", "deny"),
        ("//etc/x", "deny"), ("/etc", "deny"), ("src/a/b", "allow"), ("/w/src/a", "allow"), ("/real/w/src/a", "allow"),
        ("src", "allow"), ("srcs/a", "ask"), ("/other/src/a", "ask"), ("~/.ssh/id", "deny"), ("/home/ada/.ssh/id", "deny"),
        ("top.py", "allow"), ("src/../deep/top.py", "ask"), ("secret/x", "deny"), ("/real/w/secret/x", "deny"),
    ],
)  # fmt: skip
def test_a_path_is_compared_as_it_really_is(path: str, ruling: str) -> None:
    lines = [
        "allow Edit(src/**)",
        "allow Edit(*.py)",
        "deny Edit(/etc/**)",
        "deny Edit(~/.ssh/*)",
        "deny Edit(/w/secret/*)",
    ]
    assert ruled([*lines, "unattended ask"], path, "Write") == ruling


def test_output_of_a_shell_that_goes_to_a_file_is_an_edit() -> None:
    lines = ["allow shell", "deny Edit(/etc/**)"]
    assert ruled(lines, "echo x >> /etc/hosts") == "deny"
    assert ruled(lines, "echo x >> $FILE") == "deny"
    assert ruled(lines, "echo x >> notes") == "allow"
    assert ruled([], "pytest > out.txt", purpose="review") == "deny"
    assert ruled([], "pytest > /tmp/out.txt 2>&1", purpose="review") == "allow"


@pytest.mark.parametrize(
    ("command", "ruling"),
    [
        ("cd /home/ada && echo x >> .bashrc", "ask"), ("cd .. && echo x > a", "ask"), ("cd; echo x > .bashrc", "ask"),
        ("cd - && echo x > a", "ask"), ("builtin cd /etc; echo x > a", "ask"), ("cd src && echo x > a", "allow"),
        ("cd src; cd ../..; echo x > a", "ask"), ("echo x > ~bob/a", "ask"), ("echo x > ~-/a", "ask"),
        ("echo x > /w/a", "allow"), ("echo x > .git", "ask"), ("echo x > sub/.git/config", "ask"), ("", "ask"),
        ('{"cmd": "ls"}', "ask"), ("cat <<E\na\\\nE\ncat <<'Q'\nE\nrm a\nQ\n", "ask"), ("test -v 'a[$(rm a)]'", "ask"),
    ],
)  # fmt: skip
def test_without_a_box_nothing_leaves_the_worktree_unasked(command: str, ruling: str) -> None:
    assert ruled([], command, boxed=False) == ruling


@pytest.mark.parametrize("test", ["$RUN", "$RUN -q", "ls '*'; '*'", 'sh -c "$RUN"', "./r?n", "*"])
def test_a_test_command_allows_itself_alone(test: str) -> None:
    """A lead's agent may have proposed it."""
    for command in ("rm -rf /home/ada", "rm -q", "sh -c 'rm -rf a'", "./ran"):
        assert ruled([], command, boxed=False, test=test) == "ask"
    assert ruled([], "$RUN -q tests", boxed=False, test="$RUN -q tests") == "allow"
    assert ruled([], "$RUN -q $(rm a)", boxed=False, test="$RUN -q $A") == "ask"


def test_where_a_link_leads_counts_for_what_a_shell_writes() -> None:
    asked = Question("Bash", "echo x > link", ("/home/ada/.bashrc",))
    assert policy([], Situation(boxed=False)).decide(asked, HERE).ruling == "ask"


def test_names_of_all_agents_are_ours() -> None:
    same = ["Bash", "commandExecution", "execute", "run", "exec_command"]
    assert {kind_of(each) for each in same} == {Tool.SHELL}
    assert {kind_of(each) for each in ["Write", "fileChange", "edit", "move"]} == {Tool.EDIT}
    assert kind_of("mcp__github__push") == kind_of("github.push") == Tool.MCP
    assert ruled(["deny mcp__git*"], "{}", "mcp__github__push") == "deny"
    assert ruled(["deny mcp__git*"], "{}", "mcp__jira__push") == "allow"
    assert ruled(["deny WebFetch(https://evil.example/*)"], "https://evil.example/a", "fetch") == "deny"


def test_what_holds_when_nobody_has_said_anything() -> None:
    assert ruled([], "rm -rf /") == "allow"
    for purpose in ("review", "test"):
        assert ruled(["allow *"], "src/a", "Edit", purpose=purpose) == "deny"
        assert ruled([], "make test", purpose=purpose) == "allow"
    boxless = {"boxed": False, "test": "make test && make lint"}
    assert ruled([], "make test", **boxless) == ruled([], "make lint; ls", **boxless) == "allow"
    assert ruled([], "make install", **boxless) == "ask"
    assert ruled([], "src/a", "Edit", **boxless) == "allow"
    assert ruled([], "/etc/passwd", "Edit", **boxless) == ruled([], "echo > ~/.bashrc", **boxless) == "ask"
    assert ruled([], "/etc/passwd", "Read", **boxless) == "allow"
    assert ruled(["unattended allow"], "make install", **boxless) == "allow"
    assert ruled(["unattended allow", "at-least unattended deny"], "make install") == "deny"


def test_what_an_agent_must_ask_about_follows_from_the_rules() -> None:
    assert policy([], Situation()).asks == frozenset()
    assert policy(["deny Bash(git push*)"], Situation()).asks == {Tool.SHELL}
    assert policy(["ask mcp__github__*"], Situation()).asks == {Tool.MCP}
    assert policy([], Situation(boxed=False)).asks == {Tool.SHELL, Tool.EDIT, Tool.FETCH, Tool.MCP}
    assert policy([], Situation("review")).refuses == {Tool.EDIT}


@pytest.mark.parametrize("text", ["", "(", "Bash(", "Bash)", "(x)", "a b", "Bash(x) y"])
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no rule"):
        Rule.read(Ruling.DENY, text)


@given(policies, st.lists(rules, max_size=3), questions)
def test_what_a_repository_says_never_widens(some: Policy, theirs: list[Rule], asked: Question) -> None:
    before = some.decide(asked, HERE).ruling
    after = Policy(some.rules, some.unattended, Policy(tuple(theirs))).decide(asked, HERE).ruling
    assert stricter(before, after) == after


def test_a_repository_cannot_turn_a_denial_into_a_question() -> None:
    assert ruled(["unattended deny", "at-least ask Bash(make*)"], "make it") == "deny"
    assert ruled(["allow shell", "at-least ask Bash(make*)"], "make it") == "ask"
