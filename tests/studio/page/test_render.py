from __future__ import annotations

import re

import pytest
from hatchling.builders.wheel import WheelBuilder
from jinja2 import UndefinedError

from maestro_ray.studio.page.render import HERE, environment, render
from maestro_ray.studio.page.routes import VIEWS


def test_the_wheel_holds_every_template_and_file() -> None:
    root = HERE.parents[2]
    inside = {each.distribution_path for each in WheelBuilder(str(root)).recurse_included_files()}
    files = {
        path.relative_to(root).as_posix()
        for folder in ("templates", "static")
        for path in (HERE / folder).rglob("*")
        if path.is_file()
    }
    assert files <= inside
    assert {
        "maestro_ray/studio/page/static/vendor/pusher.min.js",
        "maestro_ray/studio/page/templates/frame.html",
    } <= files


def test_every_template_can_be_read_and_is_used() -> None:
    names = {path.relative_to(HERE / "templates").as_posix() for path in (HERE / "templates").rglob("*.html")}
    text = "".join((HERE / "templates" / name).read_text() for name in names)
    for name in names:
        environment().get_template(name)
    used = {f"{view.name}.html" for view in VIEWS} | {
        f"{view.name}/{part}.html" for view in VIEWS for part in view.parts
    }
    used |= set(re.findall(r'"([\w/]+\.html)"', text)) | {"waiting.html", "refusal.html", "sign_in.html"}
    assert names == used


def test_no_template_turns_escaping_off_or_brings_a_script_of_its_own() -> None:
    for path in (HERE / "templates").rglob("*.html"):
        text = path.read_text()
        assert not re.search(r"\|\s*safe|autoescape|<style|<[^>]*\s(?:style|on\w+)=\"[^{]", text), path
        assert all(" src=" in tag for tag in re.findall(r"<script[^>]*>", text)), path


def test_what_a_template_needs_and_does_not_get_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        render("waiting.html", here="/")
    assert "&lt;b&gt;" in render("waiting.html", here="/", count="<b>")


def test_scripts_are_modules_that_exist_and_do_not_evaluate_text() -> None:
    static = HERE / "static"
    for path in static.glob("*.js"):
        text = path.read_text()
        for name in re.findall(r'from "\./([\w.]+)"', text):
            assert (static / name).is_file(), f"{path.name} imports {name}"
        assert not re.search(
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function", text
        ), path.name
