from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maestro_ray.model.skill import proficiency, read_skills


@pytest.mark.parametrize(
    ("value", "level"),
    [
        *((number, number) for number in range(1, 6)),
        ("4", 4),
        ("0%", 1), ("20%", 1), ("20.5 %", 2), ("40%", 2), ("60%", 3), ("61%", 4), ("80%", 4), ("80,1%", 5), ("100%", 5),
        ("%70", 4),
        ("beginner", 1), ("Elementary", 2), (" INTERMEDIATE ", 3), ("advanced", 4), ("expert", 5),
        ("başlangıç", 1), ("BAŞLANGIÇ", 1), ("temel", 2), ("orta", 3), ("İleri", 4), ("ileri", 4), ("uzman", 5),
        ("Anfänger", 1), ("Grundlagen", 2), ("mittel", 3), ("Fortgeschritten", 4), ("Experte", 5),
    ],
)  # fmt: skip
def test_numbers_percentages_and_words(value: object, level: int) -> None:
    assert proficiency(value) == level


@pytest.mark.parametrize(
    "value", [0, 6, -1, 3.0, True, None, [], "", "70", "101%", "%70%", "-5%", "guru", "٣", "٧٠%", "%", "1e1%"]
)
def test_anything_else_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="a proficiency is a number from 1 to 5"):
        proficiency(value)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.text().map(lambda text: text + "%")))
def test_the_answer_is_a_level_or_a_refusal(value: object) -> None:
    try:
        assert proficiency(value) in range(1, 6)
    except ValueError as error:
        assert "a proficiency is" in str(error)


def test_skills_in_words() -> None:
    assert read_skills(["python", " rust : 5", "sql:70%"]) == {"python": 3, "rust": 5, "sql": 4}
    assert read_skills([]) == {}


@pytest.mark.parametrize("words", [[":"], ["a b:3"], ["python:99"], ["python:"], [""], ["a", "a:2"]])
def test_nonsense_is_no_skill(words: list[str]) -> None:
    with pytest.raises(ValueError, match=r"skill|proficiency"):
        read_skills(words)
