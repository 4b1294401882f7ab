"""How good a score is, and how sure."""

from __future__ import annotations

from math import sqrt

Z = 1.96
"""95 in 100 samples are within this many standard errors."""


def interval(killed: int, tried: int) -> tuple[float, float]:
    """Return where the share of all mutants lies, given a sample: Wilson's interval, which holds near 1 as well."""
    if not tried:
        return 0.0, 1.0
    share = killed / tried
    middle = share + Z * Z / (2 * tried)
    width = Z * sqrt(share * (1 - share) / tried + Z * Z / (4 * tried * tried))
    below = 1 + Z * Z / tried
    return max(0.0, (middle - width) / below), min(1.0, (middle + width) / below)


def told(killed: int, tried: int) -> str:
    """Say it in words."""
    low, high = interval(killed, tried)
    return f"{killed} of {tried} killed: {killed / max(tried, 1):.0%}, of all mutants {low:.0%} to {high:.0%}"
