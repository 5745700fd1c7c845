"""`studio.bodies` by name: each body is loaded when a request first brings one.

Pydantic and the bodies it builds are a fifth of what a start would import, and nothing is asked of Studio with a body
before it has started.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__all__ = ["Shape", "bodies"]


class Shape:
    """Stands for a class of `studio.bodies` and is used as it."""

    def __init__(self, name: str) -> None:
        self._name = name

    def load(self) -> Any:
        return getattr(import_module("maestro_ray.studio.bodies"), self._name)

    def __call__(self, **values: Any) -> Any:
        return self.load()(**values)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.load(), name)


class _Bodies:
    def __getattr__(self, name: str) -> Shape:
        return Shape(name)


if TYPE_CHECKING:
    from maestro_ray.studio import bodies
else:
    bodies = _Bodies()
