"""What every measurement returns, and the small sums they share."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number beside its budget. `budget` is None where the design names none; `more_is_better` gives its side.

    `who` names the program a figure is of, where several are measured side by side.
    """

    what: str
    value: float
    unit: str
    budget: float | None = None
    more_is_better: bool = False
    note: str = ""
    who: str = ""

    @property
    def holds(self) -> bool | None:
        """Whether the budget holds; None where there is none."""
        if self.budget is None:
            return None
        return self.value >= self.budget if self.more_is_better else self.value <= self.budget

    @property
    def shown(self) -> str:
        return f"{number(self.value)} {self.unit}".strip()

    @property
    def budget_shown(self) -> str:
        if self.budget is None:
            return ""
        return f"{'>=' if self.more_is_better else '<='} {number(self.budget)} {self.unit}".strip()


def number(value: float) -> str:
    """Write a figure with as many digits as mean something."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value below which `share` of all values lie."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, int(len(ranked) * share))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
