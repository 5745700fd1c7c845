"""A survey is told to its project's Studio, and those who work there are told it in turn."""

from __future__ import annotations

import pytest
from workspace.sample import Sample

from maestro_ray.analysis.items import items
from maestro_ray.analysis.survey import survey
from maestro_ray.errors import StudioRefused, UsageError
from maestro_ray.home import Home
from maestro_ray.testing import LocalMaestro

from .stage import APPROVE, begin, end, once, plan


async def test_what_a_survey_found_stands_in_the_prompts_of_a_team(home: Home, sample: Sample) -> None:
    sample.commit("more", **{"Makefile": "test:\n", "AGENTS.md": "Mind it.\n"})
    found = items(survey(sample.repo.git, sample.git("rev-parse", "HEAD")))
    async with LocalMaestro(home) as maestro:
        told = await maestro.call("project.learn", repo=str(sample.path), items=found)
        assert (told["items"], told["changed"], told["gone"]) == (3, 3, 0)
        again = await maestro.call("project.learn", repo=str(sample.path), items=found[:2])
        assert (again["changed"], again["gone"]) == (0, 1)
        await maestro.call("project.learn", repo=str(sample.path), items=found)
        shows = 'command:sh -c \'cat "$MAESTRO_PROMPT_FILE" > "$MAESTRO_KEY.txt"\''
        await begin(maestro, sample, plan=plan("one"), providers={"dev": shows, "review": APPROVE})
        result = await end(maestro)
    once(sample, result, "one")
    prompt = sample.git("show", "main:one.txt")
    assert "## About this repository" in prompt
    assert "> test: make test (Makefile)" in prompt
    assert "> Read first what it asks of who works here: AGENTS.md" in prompt
    assert "Mind it." not in prompt


async def test_what_is_no_knowledge_is_refused_and_nothing_is_known(home: Home, sample: Sample) -> None:
    async with LocalMaestro(home) as maestro:
        with pytest.raises(UsageError, match="items must be a list"):
            await maestro.call("project.learn", repo=str(sample.path), items={})
        with pytest.raises(StudioRefused, match="should be an object"):
            await maestro.call("project.learn", repo=str(sample.path), items=["x"])
        told = await maestro.call("project.learn", repo=str(sample.path), items=[])
        assert (told["items"], told["changed"], told["gone"]) == (0, 0, 0)
