from __future__ import annotations

import json
import subprocess
import sys

import pytest
from pydantic import ValidationError

from maestro_ray.studio import bodies as loaded
from maestro_ray.studio.api.shapes import Shape, bodies
from maestro_ray.studio.api.table import CALLS


def test_every_call_names_a_body_there_is() -> None:
    shapes = [call.body for call in CALLS if call.body]
    assert shapes
    for shape in shapes:
        assert isinstance(shape, Shape)
        assert shape.load() is getattr(loaded, shape.__name__)


def test_a_shape_is_used_as_the_class_it_stands_for() -> None:
    made = bodies.Redeem(token="t")
    assert type(made) is loaded.Redeem
    assert bodies.Redeem.model_validate({"token": "t"}) == made
    with pytest.raises(ValidationError):
        bodies.Redeem(token="")


def test_a_start_loads_nothing_that_only_requests_need() -> None:
    code = "import json, sys, maestro_ray.studio.__main__; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    found = set(json.loads(done.stdout))
    assert "maestro_ray.studio.api.table" in found
    assert not found & {
        "pydantic",
        "jwt",
        "jinja2",
        "prometheus_client",
        "alembic",
        "httpx",
        "maestro_ray.studio.bodies",
    }
