from __future__ import annotations

import pytest

from maestro_ray.errors import BadProvider
from maestro_ray.ports import ProviderSpec
from maestro_ray.providers.arguments import check_arguments, check_model
from maestro_ray.providers.registry import build


@pytest.mark.parametrize(
    ("kind", "args", "about"),
    [
        ("claude", ["--output-format", "json"], "--output-format of claude"),
        ("claude", ["--permission-mode=bypassPermissions"], "--permission-mode of claude"),
        ("claude", ["--add-dir", "/x", "-pfoo"], "-p of claude"),
        ("claude", ["--", "words"], "-- of claude"),
        ("codex", ["-c", 'sandbox_mode="danger-full-access"'], "the setting sandbox_mode of codex"),
        ("codex", ["-capproval_policy=never"], "the setting approval_policy of codex"),
        ("codex", ["--config=sandbox_workspace_write.network_access=true"], "sandbox_workspace_write"),
        ("codex", ["--yolo"], "--yolo of codex"),
        ("codex", ["-sdanger-full-access"], "-s of codex"),
        ("codex", ["-c", "approvals_reviewer=auto_review"], "the setting approvals_reviewer of codex"),
        # its program takes either form
        ("gemini", ["--allowedTools", "run_shell_command"], "--allowed-tools of gemini"),
        ("gemini", ["--approvalMode=yolo"], "--approval-mode of gemini"),
        ("codex", ["--version"], "--version of codex"),
        ("codex", ["a\0b"], "a NUL"),
    ],
)
def test_what_maestro_itself_says_to_a_program_is_refused(kind: str, args: list[str], about: str) -> None:
    with pytest.raises(BadProvider) as caught:
        build(ProviderSpec(kind, args=tuple(args)))
    assert about in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "args"),
    [
        ("claude", ("--effort", "high", "--add-dir", "/more")),
        ("gemini", ("--showMemory", "-d")),
        ("codex", ("-c", 'model_reasoning_effort="high"', "--enable", "x", "-c")),
    ],
)
def test_anything_else_is_passed_on(kind: str, args: tuple[str, ...]) -> None:
    build(ProviderSpec(kind, args=args))
    check_arguments("any", args, ())


@pytest.mark.parametrize("model", ["--yolo", "a -b", 'x" y="', "a\nb"])
def test_what_is_no_model_is_refused(model: str) -> None:
    with pytest.raises(BadProvider, match="is not the name of a model"):
        check_model("codex", model)
    with pytest.raises(BadProvider):
        build(ProviderSpec("claude", model=model))


@pytest.mark.parametrize("model", ["", "opus[1m]", "us.anthropic.claude:0", "gpt-5.5", "a/b"])
def test_the_name_of_a_model_is_taken(model: str) -> None:
    check_model("claude", model)
