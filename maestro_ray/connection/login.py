"""Who somebody is at which Studio, as a connection needs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Login:
    """Studio's REST is below `url` and its socket at `ws_url` (whole, with the key); `tokens` is the path of the file
    with our tokens there. Two with the same Studio and different files are two people."""

    url: str
    ws_url: str
    tokens: str


# what a project, by its key, is worked for with
Identify = Callable[[str], Login]
