from __future__ import annotations

import pytest

from maestro_ray.analysis.commands import Command, commands
from maestro_ray.analysis.manifests import Manifest, read_manifest


def manifest(path: str, text: str = "") -> Manifest:
    found = read_manifest(path, text)
    assert found is not None
    return found


def test_what_people_of_the_project_type_comes_first() -> None:
    found = commands(
        [
            manifest("pyproject.toml", "[tool.pytest]\n[tool.ruff]"),
            manifest("Makefile", "check:\ntest:\nbuild:\n"),
        ],
        (),
    )
    assert found == [
        Command("test", "make test", "Makefile"),
        Command("test", "python -m pytest", "pyproject.toml"),
        Command("build", "make build", "Makefile"),
        Command("lint", "ruff check .", "pyproject.toml"),
        Command("format", "ruff format .", "pyproject.toml"),
    ]


@pytest.mark.parametrize(
    ("lock", "test", "build"),
    [
        ("", "npm test", "npm run build"),
        ("pnpm-lock.yaml", "pnpm test", "pnpm run build"),
        ("bun.lock", "bun test", "bun run build"),
    ],
)
def test_the_lock_file_says_which_package_manager_it_is(lock: str, test: str, build: str) -> None:
    scripts = manifest("package.json", '{"scripts": {"test": "vitest", "build": "vite build"}}')
    assert [each.command for each in commands([scripts], {lock})] == [test, build]


def test_npms_own_word_for_no_tests_is_no_test() -> None:
    text = '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'
    assert commands([manifest("package.json", text)], ()) == []


@pytest.mark.parametrize(
    ("path", "text", "test"),
    [
        ("Cargo.toml", "", "cargo test"), ("go.mod", "", "go test ./..."), ("pom.xml", "", "mvn test"),
        ("build.gradle", "", "./gradlew test"), ("mix.exs", "", "mix test"), ("Package.swift", "", "swift test"),
        ("Gemfile", "gem 'rspec'", "bundle exec rspec"), ("CMakeLists.txt", "", "ctest --test-dir build"),
        ("a.csproj", "", "dotnet test"), ("tox.ini", "", "tox"), ("noxfile.py", "", "nox"),
        ("deno.json", '{"tasks": {"test": "x"}}', "deno task test"), ("composer.json", '{"scripts": {"test": "x"}}', "composer run test"),
        ("justfile", "test:\n", "just test"), ("requirements.txt", "pytest", "python -m pytest"),
    ],
)  # fmt: skip
def test_each_ecosystem_has_its_usual_words(path: str, text: str, test: str) -> None:
    assert [each.command for each in commands([manifest(path, text)], ()) if each.kind == "test"] == [test]


def test_only_the_top_of_the_repository_speaks_for_it() -> None:
    assert commands([manifest("sub/Cargo.toml")], ()) == []
    assert commands([manifest("Gemfile", "gem 'rails'")], ()) == []
