"""The briefing: what an outfit adds to a prompt, and which places must be seen for it from inside of a box."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from maestro_ray.actors.equipment import Outfit
from maestro_ray.extensions.found import Found
from maestro_ray.extensions.skills import Skill, prompt_section
from maestro_ray.model.run import Purpose


@dataclass(frozen=True)
class Briefing:
    """`instructions` are the agent definition's prompt, `skills` the section about skills; `readable` are directories
    outside of the worktree that hold them."""

    instructions: str = ""
    skills: str = ""
    readable: tuple[Path, ...] = ()


def brief(outfit: Outfit, repo: Path, worktree: Path, purpose: str) -> Briefing:
    """For a run of this purpose. Looks at the file system.

    A developer reads the repository's skills where it works. Who tests or judges reads them in the operator's checkout:
    in its worktree they are those of the very change it is to judge.
    """
    inside = worktree if purpose == Purpose.EXECUTE else None
    skills = [(each, _placed(each, repo, inside)) for each in outfit.skills]
    outside = [
        place
        for each, skill in skills
        if not skill.path.is_relative_to(worktree)
        for place in _places(each, skill.path.parent)
    ]
    section = prompt_section([skill for _, skill in skills])
    return Briefing(outfit.prompt, section, tuple(dict.fromkeys(outside)))


def _placed(found: Found[Skill], repo: Path, worktree: Path | None) -> Skill:
    skill = found.value
    assert skill is not None
    if worktree is None or found.origin.level != "repository" or not skill.path.is_relative_to(repo):
        return skill
    there = worktree / skill.path.relative_to(repo)
    # one that nobody has committed is in no worktree
    return replace(skill, path=there) if there.is_file() else skill


def _places(found: Found[Skill], folder: Path) -> Sequence[Path]:
    """A skill of the operator's own may be a link to anywhere, also to a hidden place; one of others, that has become a
    link since it was found, would open what it leads to."""
    target, within = folder.resolve(), found.origin.within
    if found.origin.theirs and (within is None or not target.is_relative_to(within)):
        return ()
    return (folder, target)
