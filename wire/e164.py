"""Phone numbers as providers write them, with and without the plus."""

from __future__ import annotations

import re

import phonenumbers

DIGITS = re.compile(r"\+?[1-9][0-9]{6,14}")


def bare(number: str) -> str:
    """Return a number without its plus; a name stays as it is."""
    return number[1:] if DIGITS.fullmatch(number) and number[0] == "+" else number


def plus(number: str) -> str:
    """Return a number with its plus; a name or a short code stays as it is."""
    found = number.strip()
    return f"+{found.removeprefix('+')}" if DIGITS.fullmatch(found) else found


def canonical(number: str, ours: str = "") -> str:
    """Return a phone's number in E.164 however a provider spells it; what cannot be one stays as it is.

    `ours` is the number of ours it wrote to: a number without a country is read as a neighbour of that one.
    """
    text = re.sub(r"[\s\u00a0().\-/\u2010-\u2015]", "", number)
    text = f"+{text[2:]}" if text.startswith("00") else text
    if DIGITS.fullmatch(text) and text[0] == "+":
        return text
    region, code = _home(ours)
    if code and text.startswith(code) and _is_number(whole := plus(text)):
        return whole
    try:
        found = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return plus(text) if DIGITS.fullmatch(text) else number.strip()
    # A trunk zero says that the number is national, also where the tables do not know its range.
    is_national = text.startswith("0") and phonenumbers.is_possible_number(found)
    if not is_national and not phonenumbers.is_valid_number(found):
        return plus(text)
    return str(phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164))


def _is_number(text: str) -> bool:
    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(text, None)))
    except phonenumbers.NumberParseException:
        return False


def _home(number: str) -> tuple[str | None, str]:
    """Return the country of a number of ours and its calling code; a short code belongs to none."""
    try:
        code = phonenumbers.parse(plus(number), None).country_code
    except phonenumbers.NumberParseException:
        return None, ""
    return (str(phonenumbers.region_code_for_country_code(code)), str(code)) if code else (None, "")
