"""The style keeps WCAG 2.2 AA: computed from the colours as they stand in it, light and dark."""

from __future__ import annotations

import re

import pytest

from maestro_ray.studio.page.render import HERE

STYLE = (HERE / "static" / "page.css").read_text()
COLOURS = {name: (light, dark) for name, light, dark in
           re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);", STYLE)}  # fmt: skip
GROUNDS = ("ground", "surface", "sunken")
TEXTS = ("text", "muted", "accent", "live", "warn")
SOFT = ("good", "live", "warn", "bad", "plain", "accent")
PAIRS = [
    *((text, ground) for text in TEXTS for ground in GROUNDS),
    *((word, f"{word}-soft") for word in SOFT),
    ("on-accent", "accent"),
    ("text", "bad-soft"),
]


def luminance(colour: str) -> float:
    """WCAG 2.2, relative luminance."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def test_the_formula_knows_its_ends() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("look", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS, ids=lambda each: each)
def test_text_can_be_read(text: str, ground: str, look: int) -> None:
    assert contrast(COLOURS[text][look], COLOURS[ground][look]) >= 4.5


@pytest.mark.parametrize("look", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("edge", ["edge", "accent", "good", "bad", "warn"])
def test_what_can_be_used_and_where_the_focus_is_can_be_seen(edge: str, ground: str, look: int) -> None:
    """Success criterion 1.4.11: edges of fields and buttons, the focus ring, the dot of the connection."""
    assert contrast(COLOURS[edge][look], COLOURS[ground][look]) >= 3


def test_every_colour_of_the_style_is_one_that_was_computed() -> None:
    rules = STYLE.partition("*, *::before")[2]
    assert not re.findall(r"#[0-9a-fA-F]{3,8}\b(?!:)", rules)
    used = set(re.findall(r"var\(--([\w-]+)\)", STYLE)) - {"mono", "sans"}
    assert used == set(COLOURS)
    inks = {
        (ink, ground)
        for ink, ground in re.findall(r"color: var\(--([\w-]+)\); background: var\(--([\w-]+)\);", rules)
    }
    inks |= {
        (ink, ground)
        for ground, ink in re.findall(r"background: var\(--([\w-]+)\); color: var\(--([\w-]+)\);", rules)
    }
    assert inks <= set(PAIRS)


def test_the_focus_is_never_taken_away() -> None:
    assert re.findall(r"([^{}]*){[^}]*outline: (?:none|0)", STYLE) == ["\nmain:focus "]
    assert ":focus-visible { outline: 2px solid" in STYLE
