from __future__ import annotations

import re

from maestro_ray.studio.page.audit import PAGE
from studio.pretend import Rest

from .surfer import Surfer


async def test_who_did_what_newest_first_and_page_by_page(rest: Rest, surfer: Surfer) -> None:
    project, other = await rest.project(), await rest.project("github:acme/other")
    plan = (await rest.plan(project))["id"]
    await rest.plan(other)
    for _ in range(PAGE // 2):
        await rest.post(f"plans/{plan}/pause")
        await rest.post(f"plans/{plan}/resume")
    await surfer.open(f"/projects/{project}/audit")
    assert surfer.page.count("<tr>") == PAGE + 1
    assert "ada plan /api/v1/plans/" in surfer.text()
    assert surfer.text().index("/resume") < surfer.text().index("/pause")
    older = re.search(r'href="([^"]*before=[^"]*)"', surfer.page)
    assert older
    await surfer.open(older[1])
    assert surfer.page.count("<tr>") == 3
    assert "Older" not in surfer.text()
    await surfer.open("/audit")
    assert "/resume shop" in surfer.text()


async def test_a_log_that_is_empty_says_so(surfer: Surfer) -> None:
    await surfer.open("/audit")
    assert "Nothing on record." in surfer.text()
