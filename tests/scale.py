"""How much a test tries: a quick sample at every run, all of it with THOROUGH=1 (as .ci/run does)."""

from __future__ import annotations

import os


def runs(quick: int, thorough: int) -> int:
    """Return how many cases to try."""
    return thorough if os.environ.get("THOROUGH") else quick


def fuzz_seconds() -> float:
    """Return how long a fuzz test tries: two seconds, or FUZZ_SECONDS (a minute in `make check`)."""
    return float(os.environ.get("FUZZ_SECONDS", "2"))
