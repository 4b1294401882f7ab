"""Lengths of time and rates, as people write them."""

from __future__ import annotations

from datetime import timedelta

from model.verification import Rate


def duration(text: str) -> timedelta | None:
    """Read "5m", "30s" or "1h"; None for anything else."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    if len(text) < 2 or text[-1] not in units or not text[:-1].isdecimal():
        return None
    return timedelta(seconds=int(text[:-1]) * units[text[-1]])


def rate(text: str) -> Rate | None:
    """Read "5/1h": at most five in an hour; None for anything else."""
    most, _, span = text.partition("/")
    within = duration(span)
    return Rate(most=int(most), within=within) if most.isdecimal() and within else None
