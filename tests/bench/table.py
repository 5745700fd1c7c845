"""Samples of several things in one run, as a Markdown table of medians."""

from __future__ import annotations

import statistics


class Table:
    """`unit` is for reading only; the first name given to `ratio` and `more` is what is compared with the second."""

    def __init__(self, unit: str) -> None:
        self.unit = unit
        self.samples: dict[str, list[float]] = {}
        self._compared: list[tuple[str, str, str, str]] = []

    def add(self, name: str, value: float) -> None:
        self.samples.setdefault(name, []).append(value)

    def ratio(self, name: str, reference: str, target: str) -> None:
        self._compared.append(("÷", name, reference, target))

    def more(self, name: str, reference: str, target: str) -> None:
        """What is asked is by how much one is more than the other."""
        self._compared.append(("-", name, reference, target))

    def alone(self, name: str, target: str) -> None:
        """What is asked is the number itself."""
        self._compared.append(("", name, "", target))

    def text(self) -> str:
        lines = [f"| what | median ({self.unit}) | p95 | rounds |", "|---|--:|--:|--:|"]
        for name, values in self.samples.items():
            lines.append(
                f"| {name} | {_shown(self._median(name))} | {_shown(_p95(values))} | {len(values)} |"
            )
        return "\n".join([*lines, *self.compared()])

    def compared(self) -> list[str]:
        """The lines of the comparisons alone."""
        return [
            f"| **{f'{name} {sign} {reference}'.strip()}** | **{self._compare(sign, name, reference):.2f}** | {_told(target)} | |"
            for sign, name, reference, target in self._compared
        ]

    def _compare(self, sign: str, name: str, reference: str) -> float:
        ours, theirs = self._median(name), self._median(reference) if sign else 0.0
        return ours / theirs if sign == "÷" else ours - theirs

    def _median(self, name: str) -> float:
        return statistics.median(self.samples[name])


def _told(target: str) -> str:
    return "no target" if target == "-" else f"target {target}"


def _p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, round(0.95 * (len(values) - 1)))]


def _shown(value: float) -> str:
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
