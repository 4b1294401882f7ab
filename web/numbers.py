"""Reading a phone number that a person typed, and the ways in which business systems may have written it. Pure."""

from __future__ import annotations

import re

import phonenumbers
from phonenumbers import PhoneNumberFormat

from dispatch.recipient import Candidate, NoRecipient, resolve

LIKE_A_NUMBER = re.compile(r"[+0-9()./\s\u00a0-]{5,40}")


def read(text: str, region: str) -> str:
    """Return what a person typed as E.164, "" when it is not a phone number."""
    if not LIKE_A_NUMBER.fullmatch(text.strip()):
        return ""
    # In an address an unescaped + is a space, and people paste addresses.
    typed = f"+{text.strip()}" if text.startswith(" ") and text.strip()[:1].isdigit() else text
    found = resolve([Candidate(field="number", value=typed, region=region)], region, allow_voip=True)
    return "" if isinstance(found, NoRecipient) else found.number


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
