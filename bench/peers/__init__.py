"""Programs of others beside Tidings: the same events, the same provider behind them, one run.

What is not installed is left out, and the table says so; `make peers` installs what can be had.
"""

from __future__ import annotations

from bench.figures import Figure
from bench.peers import jasmin, kannel, node_red, own
from bench.peers.runs import SECONDS
from bench.peers.table import LEFT_OUT

PROGRAMS = (own, node_red, kannel, jasmin)
DELAY = 0.1
"""How long the HTTP provider takes to answer, in seconds: as real ones do."""


def measure(scale: float) -> list[Figure]:
    """Take every program that is there through the same."""
    figures = []
    for program in PROGRAMS:
        if why := program.lacks():
            figures += [Figure(who=name, what=LEFT_OUT, value=0, unit="", note=why) for name in program.NAMES]
        else:
            figures += program.measure(max(2.0, SECONDS * scale), DELAY)
    return figures
