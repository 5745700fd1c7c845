"""What holds for every test."""

from __future__ import annotations

import pytest
from hypothesis import settings

# a machine at work is slow, and that is no fault of what is tested
settings.register_profile("maestro", deadline=None)
settings.load_profile("maestro")


def pytest_collection_modifyitems(items):
    """Whole flows start Ray, which wants the machine for itself: with several workers they belong into one.

    xdist 3.8 writes the group into an attribute that pytest 9.2 does not read, so until one of them changes all workers
    run them, and each must hold beside another.
    """
    for item in items:
        if item.get_closest_marker("e2e"):
            item.add_marker(pytest.mark.xdist_group("machine"))
