"""The text with which an agent is asked what takes understanding to know of a repository, and to mend its answer."""

from __future__ import annotations

from collections.abc import Sequence

from maestro_ray.agent.plan_prompt import facts_of, quoted, repository, section
from maestro_ray.agent.survey_reply import LONGEST_BODY, MOST_ITEMS
from maestro_ray.model import steering
from maestro_ray.model.knowledge import JUDGED
from maestro_ray.model.plain_text import one_line, visible

LONGEST_REPLY = 16_000

_ORDER = (
    "Look at the repository in this worktree and change no file. Find out what somebody who is to work here should "
    "know and cannot see at once: how it is built up and what depends on what (`architecture`), what its code keeps to "
    "(`convention`), what breaks easily or must not be touched (`risk`), and its own words (`glossary`). Say only what "
    "you have seen in the files, each with the path it is about."
)
_SHAPE = f"""\
End with exactly one fenced JSON block and nothing after it, of this form:

```json
{{"items": [
  {{"kind": "architecture", "title": "One line", "path": "src/shop", "body": "What it is and why it matters"}}
]}}
```

`kind` is one of {", ".join(JUDGED)}; `title` and `body` are needed, `path` may be empty. There are at most {MOST_ITEMS}
items, a body has at most {LONGEST_BODY} characters, and fewer and shorter are better."""


def build_survey_prompt(
    *,
    project: str,
    note: str = "",
    files: Sequence[str] = (),
    test: str = "",
    facts: Sequence[str] = (),
    wrong: Sequence[str] = (),
    reply: str = "",
    directives: Sequence[str] = (),
    resumed: bool = False,
) -> str:
    """The prompt of one turn, sections in a fixed order, ending in a newline. `note` is the operator's; what others
    wrote is quoted. With `wrong` it is about an earlier `reply`, which an agent that is `resumed` remembers."""
    sections = [
        f"You survey the repository of the project {one_line(project)} for the team that works on it.",
        section("What the operator asks", [visible(line).rstrip() for line in note.strip().splitlines()]),
        section("Repository", repository(files, test)),
        section("What is known about it", facts_of(facts)),
        section("Your reply before", [] if resumed else quoted(reply, LONGEST_REPLY)),
        section("What is wrong with it", [f"* {one_line(each)}" for each in wrong]),
        steering.block(directives),
        section("What to do", [_ORDER, "", _SHAPE]),
    ]
    return "\n\n".join(each for each in sections if each) + "\n"
