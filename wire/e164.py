"""Phone numbers as providers write them, with and without the plus."""

from __future__ import annotations

import re

DIGITS = re.compile(r"\+?[1-9][0-9]{6,14}")


def bare(number: str) -> str:
    """Return a number without its plus; a name stays as it is."""
    return number[1:] if DIGITS.fullmatch(number) and number[0] == "+" else number


def plus(number: str) -> str:
    """Return a number with its plus; a name or a short code stays as it is."""
    found = number.strip()
    return f"+{found.removeprefix('+')}" if DIGITS.fullmatch(found) else found
