from __future__ import annotations

import json

import pytest

from maestro_ray.errors import ConfigError
from maestro_ray.toml import Table, as_table, did_you_mean, read_toml

TEXT = """\
word = "w"
many = ["a", "b"]
four = 4
half = 0.5
yes = true
[[items]]
n = 1
[[items]]
n = "x"
[sub]
k = 1
"""


def read(text: str) -> Table:
    return read_toml(text, "f.toml", ConfigError)


def complaint(call: object, *arguments: object) -> str:
    assert callable(call)
    with pytest.raises(ConfigError) as caught:
        call(*arguments)
    return str(caught.value)


def test_values_come_typed_and_absent_ones_as_their_default() -> None:
    table = read(TEXT)
    assert (table.text("word"), table.texts("many"), table.whole("four", 0)) == ("w", ["a", "b"], 4)
    assert (table.number("half"), table.number("four"), table.flag("yes", False)) == (0.5, 4.0, True)
    assert (table.text("none", "d"), table.texts("none"), table.whole("none", 7), table.tables("none")) == (
        "d",
        [],
        7,
        [],
    )
    assert table.table("sub").whole("k", 0) == 1
    assert "word" in table
    assert "none" not in table


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        ("text", ("four",), "f.toml:3:1: 'four' must be a string, not a whole number"),
        ("whole", ("yes", 0), "f.toml:5:1: 'yes' must be a whole number, not true or false"),
        ("number", ("yes",), "f.toml:5:1: 'yes' must be a number, not true or false"),
        ("flag", ("four", False), "f.toml:3:1: 'four' must be true or false, not a whole number"),
        ("texts", ("word",), "f.toml:1:1: 'word' must be a list, not a string"),
        ("table", ("many",), "f.toml:2:1: 'many' must be a table, not a list"),
        ("tables", ("many",), "f.toml:2:9: an element of 'many' must be a table, not a string"),
        (
            "only",
            ("word", "many", "four", "half", "yes", "itms", "sub"),
            "f.toml:6:1: unknown key 'items' (did you mean itms?)",
        ),
    ],
)
def test_another_type_or_key_is_a_mistake_with_its_place(
    method: str, arguments: tuple[str, ...], message: str
) -> None:
    assert complaint(getattr(read(TEXT), method), *arguments) == message


def test_a_mistake_in_a_nested_table_is_placed_there() -> None:
    second = read(TEXT).tables("items")[1]
    assert complaint(second.whole, "n", 0) == "f.toml:9:1: 'n' must be a whole number, not a string"
    assert str(second.mistake("odd")) == "f.toml:8:1: odd"
    assert str(second.mistake("odd", "absent")) == "f.toml:8:1: odd"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\nb = = 2", "f.toml:2:5: Invalid value"),
        ("a = 1\nab", "f.toml:2:3: Expected '=' after a key in a key/value pair"),
        ('a = """x\ny', "f.toml:2:2: Unterminated string"),
        ("a = " + "[" * 5_000, "f.toml:1:1: it is nested too deeply"),
        ("x = 1\n" + "a." * 50_000 + "b = 1", "f.toml:2:1: it is nested too deeply"),
        ("x = {" + '"a" .\t' * 50_000 + "b = 1}", "f.toml:1:6: it is nested too deeply"),
        ("[" + "'a'." * 50_000 + "b]", "f.toml:1:2: it is nested too deeply"),
        ("a = 1\r\nb = = 2", "f.toml:2:5: Invalid value"),
    ],
)
def test_a_syntax_error_has_its_place(text: str, message: str) -> None:
    assert complaint(read, text) == message


@pytest.mark.parametrize(
    "text", ["x" * 1_000_000, "a." * 90 + "b", "... " * 10_000, "One. Two three. " * 10_000]
)
def test_a_long_text_is_no_deep_key_and_is_looked_through_quickly(text: str) -> None:
    assert read(f"a = '{text}'").text("a") == text


def test_a_number_of_thousands_of_digits_is_a_mistake() -> None:
    assert "4300 digits" in complaint(read, "a = " + "9" * 5_000)


def test_lines_may_end_as_on_windows() -> None:
    assert complaint(read(TEXT.replace("\n", "\r\n")).tables("items")[1].whole, "n", 0).startswith(
        "f.toml:9:1: "
    )


def test_a_byte_order_mark_is_no_mistake() -> None:
    assert read("\ufeffa = 'x'").text("a") == "x"


@pytest.mark.parametrize("text", ["x\0", "\ud800"])
def test_text_that_no_file_or_program_can_hold_is_refused(text: str) -> None:
    table = read(f"a = {json.dumps(text)}" if text == "x\0" else f"a = '{text}'")
    assert complaint(table.text, "a") == "f.toml:1:1: 'a' holds a NUL or half a character"
    assert "half a character" in complaint(as_table({"l": [text]}, "p", ConfigError).texts, "l")


@pytest.mark.parametrize("number", ["-1", "inf", "nan", "-0.5", "1" + "0" * 400])
def test_a_number_is_finite_and_not_negative(number: str) -> None:
    assert "must be a finite number, not negative" in complaint(read(f"a = {number}").number, "a")


def test_a_plain_dict_reads_the_same_way() -> None:
    table = as_table({"a": "x", "b": None}, "plan", ConfigError)
    assert table.text("a") == "x"
    assert complaint(table.text, "b") == "plan:1:1: 'b' must be a string, not null"
    assert complaint(as_table, ["a"], "plan", ConfigError) == "plan:1:1: must be a table, not a list"


def test_a_date_is_named_as_one() -> None:
    assert (
        complaint(read("a = 1979-05-27").text, "a") == "f.toml:1:1: 'a' must be a string, not a date or time"
    )


def test_only_a_near_word_is_suggested() -> None:
    assert did_you_mean("titel", ["title", "test"]) == " (did you mean title?)"
    assert did_you_mean("zebra", ["title", "test"]) == ""
