"""What must never be in a text, and what must never be kept of one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

HIDDEN = "******"
CARD = re.compile(r"(?<![\d.,+])\d(?:[ -]?\d){14,15}(?!\d)")
ISSUERS = re.compile(r"(?:4\d{15}|5[1-5]\d{14}|2[2-7]\d{14}|6(?:011|5\d\d)\d{12}|3[47]\d{13})")


def blocked(text: str, *, past: bool = False) -> str:
    """Return why the text must not leave, "" when it may. Card numbers are known by issuer, length and check digit."""
    if HIDDEN in text and not past:  # an event planned again after what it held was redacted
        return f"It holds {HIDDEN} in the place of something that is not kept."
    for match in CARD.finditer(text):
        digits = re.sub(r"\D", "", match[0])
        if ISSUERS.fullmatch(digits) and luhn(digits):
            return f"It holds what looks like a card number ending in {digits[-2:]}."
    return ""


def redacted(text: str, values: Iterable[Any]) -> str:
    """Return the text as it may be kept: each of the values replaced by ******."""
    for value in values:
        if isinstance(value, str | int) and not isinstance(value, bool) and str(value):
            text = text.replace(str(value), HIDDEN)
    return text


def luhn(digits: str) -> bool:
    """Tell whether the last digit is the Luhn check digit of the others (ISO/IEC 7812)."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if index % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
