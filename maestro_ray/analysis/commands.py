"""How the project is built, tested and checked, as far as its manifests say."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from maestro_ray.analysis.manifests import Manifest

KINDS = ("test", "build", "lint", "format", "run")
_NAMED = {
    "test": ("test", "tests", "check", "unit"),
    "build": ("build", "all", "compile"),
    "lint": ("lint", "typecheck", "type-check", "types"),
    "format": ("format", "fmt"),
    "run": ("start", "dev", "run", "serve"),
}
# npm's own word for a project that has no tests
_NO_TESTS = "no test specified"


@dataclass(frozen=True)
class Command:
    """`source` is the file that says so."""

    kind: str
    command: str
    source: str


def commands(manifests: Sequence[Manifest], names: Collection[str]) -> list[Command]:
    """Those at the top of the repository, the likeliest of each kind first; `names` are the files there."""
    found = [each for manifest in manifests if "/" not in manifest.path for each in _of(manifest, names)]
    order = {kind: at for at, kind in enumerate(KINDS)}
    known: dict[tuple[str, str], Command] = {}
    for each in sorted(found, key=lambda one: (order[one.kind], _rank(one.source))):
        known.setdefault((each.kind, each.command), each)
    return list(known.values())


def _rank(source: str) -> int:
    """A task runner is what people of the project type themselves."""
    return 0 if source.lower().lstrip(".") in ("makefile", "gnumakefile", "justfile") else 1


def _of(manifest: Manifest, names: Collection[str]) -> Iterator[Command]:
    if manifest.ecosystem in ("make", "just"):
        yield from _scripts(manifest, manifest.ecosystem)
    elif manifest.path == "package.json":
        runner = _runner(names)
        yield from _scripts(manifest, f"{runner} run", {"test": f"{runner} test"})
    elif manifest.path == "composer.json":
        yield from _scripts(manifest, "composer run")
    elif manifest.path.startswith("deno.json"):
        yield from _scripts(manifest, "deno task")
    for kind, command in _usual(manifest):
        yield Command(kind, command, manifest.path)


def _scripts(manifest: Manifest, runner: str, short: dict[str, str] | None = None) -> Iterator[Command]:
    for kind, words in _NAMED.items():
        name = next((word for word in words if word in manifest.scripts), "")
        if name and _NO_TESTS not in manifest.scripts[name]:
            yield Command(kind, (short or {}).get(name, f"{runner} {name}"), manifest.path)


def _runner(names: Collection[str]) -> str:
    locks = {"pnpm-lock.yaml": "pnpm", "yarn.lock": "yarn", "bun.lockb": "bun", "bun.lock": "bun"}
    return next((runner for lock, runner in locks.items() if lock in names), "npm")


def _usual(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """What everybody types who knows the ecosystem."""
    has = {each.lower() for each in manifest.dependencies}
    match manifest.path.rpartition("/")[2]:
        case "pyproject.toml" | "requirements.txt" | "requirements-dev.txt" | "Pipfile":
            yield from _python(has)
        case "tox.ini":
            yield "test", "tox"
        case "noxfile.py":
            yield "test", "nox"
        case "Cargo.toml":
            yield from (
                ("test", "cargo test"),
                ("build", "cargo build"),
                ("lint", "cargo clippy"),
                ("format", "cargo fmt"),
            )
        case "go.mod":
            yield from (("test", "go test ./..."), ("build", "go build ./..."), ("lint", "go vet ./..."))
        case "pom.xml":
            yield from (("test", "mvn test"), ("build", "mvn package"))
        case "build.gradle" | "build.gradle.kts":
            yield from (("test", "./gradlew test"), ("build", "./gradlew build"))
        case "mix.exs":
            yield from (("test", "mix test"), ("build", "mix compile"), ("format", "mix format"))
        case "Package.swift":
            yield from (("test", "swift test"), ("build", "swift build"))
        case "Gemfile" if "rspec" in has:
            yield "test", "bundle exec rspec"
        case "CMakeLists.txt":
            yield from (
                ("build", "cmake -B build && cmake --build build"),
                ("test", "ctest --test-dir build"),
            )
        case name if name.endswith("proj"):
            yield from (("test", "dotnet test"), ("build", "dotnet build"))


def _python(has: Collection[str]) -> Iterator[tuple[str, str]]:
    known = (
        ("test", "pytest", "python -m pytest"),
        ("lint", "ruff", "ruff check ."),
        ("lint", "mypy", "mypy ."),
        ("format", "ruff", "ruff format ."),
        ("format", "black", "black ."),
    )
    return ((kind, command) for kind, name, command in known if name in has)
