from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.analysis.manifests import is_manifest, read_manifest

PYPROJECT = """
[project]
dependencies = ["fastapi[all]>=1", "httpx ; python_version > '3'"]
[project.optional-dependencies]
dev = ["mypy"]
[project.scripts]
shop = "shop:main"
[dependency-groups]
test = ["pytest", {include-group = "dev"}]
[tool.poetry.dependencies]
python = "^3.11"
rich = "*"
[tool.poetry.group.docs.dependencies]
mkdocs = "*"
[tool.ruff]
"""

POM = """<parent><artifactId>spring-boot-starter-parent</artifactId></parent><artifactId>me</artifactId>
<dependency>
<groupId>g</groupId><artifactId> junit </artifactId></dependency>"""

READ = {
    "pyproject.toml": (PYPROJECT, "Python", "fastapi httpx mkdocs mypy pytest rich ruff"),
    "requirements-dev.txt": ("# no\n-r other.txt\nDjango==5 # yes\n\nflask\n", "Python", "Django flask"),
    "Pipfile": ('[packages]\nflask = "*"\n[dev-packages]\npytest = "*"\n', "Python", "flask pytest"),
    "package.json": ('{"dependencies": {"react": "1"}, "devDependencies": {"vitest": "1"}}', "JavaScript", "react vitest"),
    "deno.json": ('{"imports": {"oak": "jsr:@oak/oak"}}', "JavaScript", "oak"),
    "Cargo.toml": ('[dependencies]\ntokio = "1"\n[target.x.dev-dependencies]\nclap = "4"\n', "Rust", "clap tokio"),
    "go.mod": ("require golang.org/x/net v1\nrequire (\n\tgithub.com/gin-gonic/gin v1.9 // indirect\n)\n",
               "Go", "github.com/gin-gonic/gin golang.org/x/net"),
    "pom.xml": (POM, "Java", "junit spring-boot-starter-parent"),
    "build.gradle.kts": ('plugins { id("org.springframework.boot") version "3" }\nimplementation("com.acme:shop:1.0")\n',
                         "Java", "com.acme:shop org.springframework.boot"),
    "Gemfile": ("source 'x'\ngem 'rails', '~> 7'\n  gem \"rspec\"\n", "Ruby", "rails rspec"),
    "composer.json": ('{"require": {"php": ">=8", "laravel/framework": "^11"}}', "PHP", "laravel/framework"),
    "mix.exs": ('{:phoenix, "~> 1.7"}, {:ecto, ">= 0"}', "Elixir", "ecto phoenix"),
    "shop.csproj": ('<PackageReference Include="xunit" Version="2"/>', ".NET", "xunit"),
    "Package.swift": ('.package(url: "https://x.org/apple/swift-nio.git", from: "2.0.0")', "Swift", "swift-nio"),
    "pubspec.yaml": ("name: x\ndependencies:\n  flutter:\n    sdk: flutter\n  http: ^1.0.0\n", "Dart", "flutter http"),
    "CMakeLists.txt": ("find_package( Boost REQUIRED)\n", "C/C++", "Boost"),
    "meson.build": ("dependency('gtest')\n", "C/C++", "gtest"),
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_dependencies_are_read(name: str) -> None:
    text, ecosystem, names = READ[name]
    found = read_manifest(f"some/where/{name}", text)
    assert found is not None
    assert (found.path, found.ecosystem, " ".join(found.dependencies), found.broken) == (
        f"some/where/{name}", ecosystem, names, "",
    )  # fmt: skip


def test_what_can_be_run_is_read() -> None:
    makefile = "A := 1\nB = 2\n.PHONY: test\ntest: build\n\tgo\nbuild fmt:\nx:=3\n"
    found = {
        "Makefile": (makefile, {"test", "build"}),
        "justfile": ("test arg='1':\n  x\nset shell := ['sh']\n", {"test"}),
        "package.json": ('{"scripts": {"test": "vitest", "n": 1}}', {"test", "n"}),
        "composer.json": ('{"scripts": {"test": ["a", "b"]}}', {"test"}),
        "deno.json": ('{"tasks": {"dev": "deno run"}}', {"dev"}),
        "pyproject.toml": (PYPROJECT, {"shop"}),
    }
    for name, (text, scripts) in found.items():
        manifest = read_manifest(name, text)
        assert manifest is not None
        assert set(manifest.scripts) == scripts, name


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pyproject.toml", "[project"),
        ("pyproject.toml", "project = 1"),
        ("package.json", "[]"),
        ("package.json", "[" * 100_000),
        ("package.json", '{"dependencies": 7}'),
        ("Cargo.toml", "dependencies = [1]\ntarget = 3"),
        ("composer.json", ""),
    ],
)
def test_a_broken_one_says_why_and_breaks_nothing(name: str, text: str) -> None:
    found = read_manifest(name, text)
    assert found is not None
    assert found.broken
    assert (found.dependencies, dict(found.scripts)) == ((), {})


def test_other_files_are_no_manifests() -> None:
    assert read_manifest("src/setup.cfg.bak", "x") is None
    assert is_manifest("setup.py")
    assert not is_manifest("package.jsonc")


@given(st.sampled_from(sorted(READ)), st.text())
def test_no_text_raises(name: str, text: str) -> None:
    found = read_manifest(name, text)
    assert found is not None
    assert all(isinstance(each, str) for each in (*found.dependencies, *found.scripts.values()))


MANY = 300_000


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("go.mod", "\n" * MANY),
        ("go.mod", " " + "a." * MANY),
        ("pom.xml", "<dependency>" * MANY),
        ("pom.xml", "<dependency><artifactId>" + " " * MANY),
        ("build.gradle", "id" + " (" * MANY),
        ("build.gradle", "'a:" * MANY),
        ("Gemfile", "\n" * MANY),
        ("mix.exs", "{:a," + " " * MANY),
        ("Package.swift", ".package(" * MANY),
        ("Package.swift", ".package(" + "/a" * MANY),
        ("pubspec.yaml", "  a:" + "\n" * MANY),
        ("CMakeLists.txt", "find_package(" * MANY),
        ("Makefile", "a" + " " * MANY),
        ("Makefile", "a b" * MANY),
        ("Makefile", "a" + " \n" * MANY),
        ("Cargo.toml", "a." * MANY + "a = 1"),
    ],
)
def test_a_hostile_one_takes_no_more_than_its_length(name: str, text: str) -> None:
    """With patterns that may look twice each of these takes from minutes to years."""
    began = time.process_time()
    assert read_manifest(name, text) is not None
    assert time.process_time() - began < 10


def test_what_is_read_stands_in_its_own_line_and_element() -> None:
    def names(name: str, text: str) -> tuple[str, ...]:
        found = read_manifest(name, text)
        assert found is not None
        return found.dependencies

    excluded = "<dependency><artifactId>a</artifactId><x><artifactId>b</artifactId></x></dependency>"
    assert names("pom.xml", f"<plugin></plugin><artifactId>me</artifactId>{excluded}") == ("a",)
    assert names("go.mod", "require (\n\tgithub.com/a/b v1.0.0 // indirect\n)\nrequire x.org/y v2.0.0\n") == (
        "github.com/a/b",
        "x.org/y",
    )
    swift = (
        """.package(name: "V", url: "https://github.com/v/vapor.git", from: "4"), .package(path: "../own")"""
    )
    assert names("Package.swift", swift) == ("own", "vapor")
    made = read_manifest("Makefile", "all : b\nVAR := x\nlint\tfast: c\nword\n  more:\n")
    assert made is not None
    assert list(made.scripts) == ["all", "lint"]
