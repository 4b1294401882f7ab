"""Reading a phone number that a person typed, and the ways in which business systems may have written it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberFormat

from dispatch.recipient import Candidate, NoRecipient, resolve

LIKE_A_NUMBER = re.compile(r"[+0-9()./\s\u00a0-]{5,40}")
IN_TEXT = re.compile(r"[+(]?\d[\d()./\s\u00a0-]{5,30}\d")
A_TIME = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d|$)")
SHORTEST = 7
"""Digits a phone number has at least."""


def read(text: str, region: str) -> str:
    """Return what a person typed as E.164, "" when it is not a phone number."""
    if not LIKE_A_NUMBER.fullmatch(text.strip()):
        return ""
    # In an address an unescaped + is a space, and people paste addresses.
    typed = f"+{text.strip()}" if text.startswith(" ") and text.strip()[:1].isdigit() else text
    found = resolve([Candidate(field="number", value=typed, region=region)], region, allow_voip=True)
    return "" if isinstance(found, NoRecipient) else found.number


def hidden(value: Any) -> Any:
    """Return the data of an event with what may be a phone number masked: rather an order's digits than a person's."""
    if isinstance(value, Mapping):
        return {key: hidden(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(one) for one in value]
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        text = str(value)
        return IN_TEXT.sub(_masked, text) if IN_TEXT.search(text) and not A_TIME.match(text) else value
    return value


def _masked(found: re.Match[str]) -> str:
    digits = sum(char.isdecimal() for char in found[0])
    return "\u2022" * (digits - 2) + found[0][-2:] if digits >= SHORTEST else found[0]


def spellings(number: str) -> list[str]:
    """Return how an event may hold this number, as phrases: a rule that sent nothing left no number behind."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return []
    digits = number.removeprefix("+")
    nation = phonenumbers.national_significant_number(parsed)
    shown = [
        phonenumbers.format_number(parsed, style)
        for style in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL)
    ]
    return list(
        dict.fromkeys([digits, f"00{digits}", *shown, f"0{nation}", nation, f"{digits[: -len(nation)]} {nation}"])
    )
