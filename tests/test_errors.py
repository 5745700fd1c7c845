"""The error tree itself; pickling and drawing are house rules."""

from __future__ import annotations

import pytest

from maestro_ray.errors import (
    ConfigError,
    MaestroError,
    NotARepository,
    PlanFileError,
    ProviderMissing,
    RayMissing,
    Reported,
    UsageError,
)


@pytest.mark.parametrize(
    ("error", "kind", "text", "hint", "code"),
    [
        (NotARepository("/x"), "not_a_repository", "/x is not inside a git repository",
         "run `git init` there, or name a repository with -C", 1),
        (PlanFileError("p.toml", 3, 7, "no title"), "plan_file_error", "p.toml:3:7: no title",
         "the format is described in docs/reference/plan-file.md", 2),
        (ConfigError("c.toml", 1, 1, "bad"), "config_error", "c.toml:1:1: bad",
         "the file was not changed; correct it and try again", 2),
        (ProviderMissing("dev", "aider"), "provider_missing",
         "the provider of role dev needs the program 'aider', which is not on PATH",
         "install aider, or choose another with --provider dev=NAME", 1),
        (UsageError("no", "do this"), "usage_error", "no", "do this", 2),
        (Reported("not_found", "there is none", "look", 1), "not_found", "there is none", "look", 1),
        (RayMissing("gone"), "ray_missing", "Ray cannot be used: gone",
         "install it beside maestro with: python -m pip install 'ray==2.60.0'", 1),
    ],
)  # fmt: skip
def test_an_error_says_what_is_wrong_and_what_to_do(error, kind, text, hint, code):
    assert (error.kind, str(error), error.hint, error.exit_code) == (kind, text, hint, code)
    assert isinstance(error, MaestroError)
