"""Frameworks, as the names of dependencies give them away."""

from __future__ import annotations

from collections.abc import Sequence

from maestro_ray.analysis.known import framework
from maestro_ray.analysis.manifests import Manifest


def frameworks(manifests: Sequence[Manifest]) -> list[str]:
    """Each once, in the order of the manifests."""
    found = (framework(manifest.ecosystem, name) for manifest in manifests for name in manifest.dependencies)
    return list(dict.fromkeys(each for each in found if each))
