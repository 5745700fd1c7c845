"""Files for tests: what stands where, in one call."""

from __future__ import annotations

from pathlib import Path

from maestro_ray.extensions.found import Found
from maestro_ray.extensions.hooks import Hook
from maestro_ray.extensions.places import Surroundings
from maestro_ray.extensions.trust import fingerprint, trust


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def skill(name: str, description: str = "Does it.", more: str = "") -> str:
    return f"---\nname: {name}\ndescription: {description}\n{more}---\nHow to do it.\n"


def repository(tmp_path: Path, files: dict[str, str | bytes] | None = None) -> Path:
    """A directory that passes for the top of a checkout."""
    repo = tmp_path / "repo"
    (repo / ".git").mkdir(parents=True, exist_ok=True)
    (repo / ".git/HEAD").touch()
    return write(repo, files or {})


def around(tmp_path: Path, inside: str = "", **plugins: Path) -> Surroundings:
    return Surroundings(tmp_path / "repo" / inside, tmp_path / "home", tuple(plugins.items()))


def trust_now(home: Path, *hooks: Found[Hook]) -> None:
    trust(home, {fingerprint(each): each for each in hooks})
