"""The page's style, scripts and pictures, as they lie in the package."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from maestro_ray.studio.page.render import HERE


class PageFiles(StaticFiles):
    """Browsers ask each time whether a file is still the same: after an upgrade none may be of another version."""

    def __init__(self) -> None:
        super().__init__(directory=HERE / "static")

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        answer = super().file_response(*args, **kwargs)
        answer.headers["cache-control"] = "no-cache"
        answer.headers["x-content-type-options"] = "nosniff"
        answer.headers["cross-origin-resource-policy"] = "same-origin"
        return answer
