"""Samples of several things in one run, as a Markdown table of medians."""

from __future__ import annotations

import statistics


class Table:
    """`unit` is for reading only; the first name given to `ratio` is divided by the second."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.samples: dict[str, list[float]] = {}
        self._ratios: list[tuple[str, str, str]] = []

    def add(self, name: str, value: float) -> None:
        self.samples.setdefault(name, []).append(value)

    def ratio(self, name: str, reference: str, target: str) -> None:
        self._ratios.append((name, reference, target))

    def text(self) -> str:
        lines = [f"| what | median ({self.unit}) | p95 | rounds |", "|---|--:|--:|--:|"]
        for name, values in self.samples.items():
            lines.append(f"| {name} | {statistics.median(values):.1f} | {_p95(values):.1f} | {len(values)} |")
        for name, reference, target in self._ratios:
            ratio = statistics.median(self.samples[name]) / statistics.median(self.samples[reference])
            lines.append(f"| **{name} ÷ {reference}** | **{ratio:.2f}** | target {target} | |")
        return "\n".join(lines)


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, round(0.95 * (len(values) - 1)))]
