from __future__ import annotations

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
