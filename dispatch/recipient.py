"""Find the phone number in a record, and say in words why a value was not one.

Numbers are read with phonenumbers (Google's libphonenumber). "Possible" is the hard test; "valid" is only a
warning, because its tables lag behind: real mobiles (+972 50 123 4567) and the numbers reserved for fiction are not
valid in them.

Long because of every way in which a number is found and refused, in the order in which it is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import Any

import phonenumbers
from phonenumbers import PhoneNumberType, ValidationResult

from dispatch import plain_numbers
from model.message import Recipient

_REFUSED_TYPES = {
    PhoneNumberType.PREMIUM_RATE: "a premium-rate number",
    PhoneNumberType.SHARED_COST: "a shared-cost number",
    PhoneNumberType.PAGER: "a pager",
    PhoneNumberType.UAN: "a company access number",
    PhoneNumberType.VOICEMAIL: "a voicemail box",
    PhoneNumberType.TOLL_FREE: "a toll-free number",
    PhoneNumberType.VOIP: "an internet phone number",
}
_IMPOSSIBLE = {
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "lacks its area code",
    ValidationResult.INVALID_COUNTRY_CODE: "has no such country code",
    ValidationResult.TOO_SHORT: "is too short",
    ValidationResult.INVALID_LENGTH: "has a length no phone number there has",
    ValidationResult.TOO_LONG: "is too long",
}
# Satellite and other networks without a country answer at any price: ISO has no country for them, Google says 001.
_NOWHERE = "001"
# Calling codes whose countries can be told apart. Elsewhere (GB and Guernsey, IT and the Vatican) the tables mix
# them up: +44 7911 is GG although it is sold in Britain, so the first country of the code stands for all.
_TELLS_COUNTRIES_APART = frozenset({1, 7})

_LONGEST = 100
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_SCIENTIFIC = re.compile(r"\+?[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}")
_POINT_ZERO = re.compile(r"(\+?[0-9]{6,})\.0+")
_TEL = re.compile(r"tel(?:\s*:|\.\s*:?|\s+(?=[+0-9(]))\s*(?://)?", re.IGNORECASE)
_CONTEXT = re.compile(r"(.*?);\s*phone-context=(\+[0-9-]+)(.*)", re.IGNORECASE)
_EXTENSION = re.compile(
    r"[\s,;]*(?:\b(?:ext(?:ension|n)?|durchwahl|dw)|(?<=[0-9\s)])x|#)\s*[.:=]?\s*[0-9]{1,7}\s*", re.IGNORECASE
)
_BETWEEN = re.compile(r"[/;,|\n]|\s(?:or|oder|und|and|ou|y|o)\s", re.IGNORECASE)
_ZERO_ZERO = re.compile(r"\+?\s*\(?\s*00\s*\)?(?=[\s(]*[1-9])")
_SHORT_CODE = re.compile(r"[0-9]{3,8}")
_FEWEST_DIGITS = 5
_DIGITS_WITH_COUNTRY = 11
_SHORTEST = 9
"""Characters of an E.164 number that is surely no rest of one."""


LANDLINE = "the number is a landline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A field that may hold the number, its raw value, and the country of its own address, if it has one."""

    field: str
    value: Any
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRecipient:
    """No field held a usable number: each field tried, and why not, with numbers masked."""

    tried: tuple[tuple[str, str], ...]

    @property
    def why(self) -> str:
        """All of it as one sentence for the trace."""
        return "; ".join(f"{field}: {why}" for field, why in self.tried) or "the rule names no field"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    """A number that may be texted, and what to know about it."""

    number: str
    region: str
    valid: bool
    kind: int
    warnings: tuple[str, ...] = ()

    @property
    def sure(self) -> bool:
        """In use, as far as anybody knows, and able to receive texts."""
        return self.valid and self.kind != PhoneNumberType.FIXED_LINE


class _Unusable(Exception):  # noqa: N818 - an answer, not a fault of ours
    """Why a value is not a number we text, as the end of a sentence."""


def resolve(
    candidates: Sequence[Candidate], region: str, *, allow_short_codes: bool = False, allow_voip: bool = False
) -> Recipient | NoRecipient:
    """Return the first usable number. `region` (ISO, such as DE) reads numbers without + or 00."""
    tried = []
    for candidate in candidates:
        home = (candidate.region or region).strip().upper()
        try:
            text = _text_of(candidate.value)
            if allow_short_codes and _SHORT_CODE.fullmatch(text):
                return Recipient(number=text, field=candidate.field, region=home)
            found = _read(text, home, allow_voip)
        except _Unusable as why:
            tried.append((candidate.field, str(why)))
        else:
            warning = "; ".join(found.warnings)
            return Recipient(number=found.number, field=candidate.field, region=found.region, warning=warning)
    return NoRecipient(tried=tuple(tried))


def mask(number: str) -> str:
    """Hide a number: the country code and the last two digits stay, of anything else only two digits at most."""
    digits = [char for char in number if char.isdigit()]
    kept = "".join(digits[-2:]) if len(digits) >= _FEWEST_DIGITS else ""
    if not number.lstrip().startswith("+"):
        return "•" * min(max(len(digits) - len(kept), 3), 12) + kept if number else ""
    code = _calling_code("".join(digits))
    return f"+{code}" + "•" * min(max(len(digits) - len(code) - len(kept), 3), 12) + kept


@lru_cache(maxsize=4096)
def zones_of(number: str) -> tuple[str, ...]:
    """Return every time zone an E.164 number can be in, sorted; () when nobody can tell."""
    from phonenumbers import timezone  # noqa: PLC0415 - 2 MB of tables that only quiet hours need

    if len(number) >= _SHORTEST and (only := _lone_zones().get(_calling_code(number[1:4]), ())):
        return only
    try:
        parsed = plain_numbers.read(number) or phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return ()
    zones = {str(zone) for zone in timezone.time_zones_for_number(parsed)}
    if zones <= {timezone.UNKNOWN_TIMEZONE}:  # a range the tables do not know yet: any zone of the country may be its
        zones = {str(zone) for zone in timezone.time_zones_for_geographical_number(parsed)}
    # Area code 850 lies across the border between Eastern and Central, and the tables often name only one of them.
    if number.startswith("+1850"):
        zones |= {"America/New_York", "America/Chicago"}
    return tuple(sorted(zones - {str(timezone.UNKNOWN_TIMEZONE)}))


@cache
def _lone_zones() -> dict[str, tuple[str, ...]]:
    """Return the zone of every calling code whose numbers are all in one: most of the world need not be parsed."""
    from phonenumbers.tzdata import TIMEZONE_DATA  # noqa: PLC0415 - see above

    heads = Counter(_calling_code(prefix) for prefix in TIMEZONE_DATA)
    found = {code: tuple(TIMEZONE_DATA.get(code, ())) for code, count in heads.items() if count == 1}
    return {code: zones for code, zones in found.items() if len(zones) == 1}


def _calling_code(digits: str) -> str:
    """Return the country code that digits begin with, "" when none does."""
    starts = (digits[:length] for length in (1, 2, 3))
    return next((start for start in starts if start and int(start) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")


def _text_of(value: Any) -> str:
    """Return a raw value as text. Only texts and whole numbers are phone numbers."""
    if value is None:
        raise _Unusable("is empty")
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _Unusable(f"holds {_kind(value)}, not a phone number")
    if isinstance(value, float) and str(value).endswith("0000.0"):
        raise _Unusable("was rounded by a spreadsheet; format the column as text")
    if isinstance(value, int) and value.bit_length() > 64:  # so long a number may not even be written as text
        raise _Unusable("is too long to be a phone number")
    text = str(value)
    if len(text) > _LONGEST:
        raise _Unusable("is too long to be a phone number")
    # NFKC turns full-width digits into plain ones; the apostrophe is how spreadsheets mark a text.
    text = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).strip().removeprefix("'").strip()
    if not text:
        raise _Unusable("is empty")
    return text


def _kind(value: Any) -> str:
    kinds = {bool: "a yes or no", list: "a list", tuple: "a list", dict: "a record"}
    return kinds.get(type(value), "something else")


@lru_cache(maxsize=4096)
def _read(text: str, region: str, allow_voip: bool) -> _Number:  # noqa: FBT001 - a part of the cache key
    """Read a field that may hold two numbers: a valid reading of the whole, else the first usable piece."""
    if (plain := plain_numbers.read(text)) and (number := _ruled(_possible(plain, text), allow_voip=allow_voip)).sure:
        return number
    whole = None
    try:
        whole = _read_one(text, region, allow_voip=allow_voip)
    except _Unusable as why:
        reason = why
    pieces = [piece.strip() for piece in _BETWEEN.split(text) if sum(map(str.isdigit, piece)) > _FEWEST_DIGITS]
    if (whole is None or not whole.valid) and len(pieces) > 1:
        for found in _usable(pieces, region, allow_voip=allow_voip):
            return replace(found, warnings=("took one of several numbers in the field", *found.warnings))
    if whole is None:
        raise reason
    return whole


def _usable(pieces: Sequence[str], region: str, *, allow_voip: bool) -> Iterator[_Number]:
    for piece in pieces:
        try:
            yield _read_one(piece, region, allow_voip=allow_voip)
        except _Unusable:
            continue


def _read_one(text: str, region: str, *, allow_voip: bool) -> _Number:
    text, warnings = _repaired(text)
    try:
        number = _judged(text, region, allow_voip=allow_voip)
    except _Unusable:
        repaired = _with_lost_plus(text, region)
        if repaired is None:
            raise
        number = repaired
    if not number.sure:
        number = _with_lost_plus(text, region) or number
    return replace(number, warnings=(*warnings, *number.warnings))


def _repaired(text: str) -> tuple[str, tuple[str, ...]]:
    """Undo what spreadsheets and address books do to numbers; refuse what cannot be undone."""
    if _SCIENTIFIC.fullmatch(text):
        raise _Unusable("was rounded by a spreadsheet (it reads like 4.4E+11); format the column as text")
    text = _POINT_ZERO.sub(r"\1", text) if _POINT_ZERO.fullmatch(text) else text
    text = text[found.end() :] if (found := _TEL.match(text)) else text
    if context := _CONTEXT.fullmatch(text):  # RFC 3966: a local number and the code it belongs to
        text = context[2] + context[1].lstrip("0") + context[3]
    number = text[: found.start()] if (found := _extension(text)) else text
    if any(char.isalpha() for char in number):
        raise _Unusable("holds letters, not only a phone number")
    return number, ("dropped the extension",) if number != text else ()


def _extension(text: str) -> re.Match[str] | None:
    """Return the extension at the end of a number, if it has one."""
    return next((found for found in _EXTENSION.finditer(text) if found.end() == len(text)), None)


def _judged(text: str, region: str, *, allow_voip: bool) -> _Number:
    """Read 00 as + in every country; where it is something else (0011 in Australia), as that country dials."""
    if _ZERO_ZERO.match(text):
        try:
            return _ruled(_parsed(_ZERO_ZERO.sub("+", text, count=1), ""), allow_voip=allow_voip)
        except _Unusable:
            if not region:
                raise
    return _ruled(_parsed(text, region), allow_voip=allow_voip)


def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber:
    """Parse a number of a possible length."""
    try:
        parsed = phonenumbers.parse(text, region or None)
    except phonenumbers.NumberParseException as fault:
        if fault.error_type != phonenumbers.NumberParseException.INVALID_COUNTRY_CODE:
            raise _Unusable(f"{mask(text)} is not a phone number") from None
        if text.startswith("+"):
            raise _Unusable(f"{mask(text)} has no such country code") from None
        raise _Unusable(f"{mask(text)} has no country code, and no country to read it by is configured") from None
    return _possible(parsed, text)


def _possible(parsed: phonenumbers.PhoneNumber, text: str) -> phonenumbers.PhoneNumber:
    """Refuse lengths no number of its country has."""
    reason = phonenumbers.is_possible_number_with_reason(parsed)
    if reason != ValidationResult.IS_POSSIBLE:
        country = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
        place = f" for {country}" if country not in {_NOWHERE, "ZZ"} else ""
        raise _Unusable(f"{mask(text)} {_IMPOSSIBLE.get(reason, 'is not possible')}{place}")
    return parsed


def _ruled(parsed: phonenumbers.PhoneNumber, *, allow_voip: bool) -> _Number:
    """Apply the policy to a possible number."""
    country = phonenumbers.region_code_for_country_code(parsed.country_code or 0)
    kind = phonenumbers.number_type(parsed)
    number = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if kind in _REFUSED_TYPES and not (kind == PhoneNumberType.VOIP and allow_voip):
        raise _Unusable(f"{mask(number)} is {_REFUSED_TYPES[kind]}")
    if country == _NOWHERE:
        raise _Unusable(f"{mask(number)} is a satellite or worldwide number")
    if parsed.country_code in _TELLS_COUNTRIES_APART:
        country = phonenumbers.region_code_for_number(parsed) or country
    # A number is valid where it has a kind; phonenumbers.is_valid_number would find the same out once more.
    valid, landline = kind != PhoneNumberType.UNKNOWN, kind == PhoneNumberType.FIXED_LINE
    warnings = (
        *(["dropped the extension"] if parsed.extension else []),
        *([] if valid else ["the number is possible, but in no range known to be in use"]),
        *([LANDLINE] if landline else []),
    )
    return _Number(number=number, region=country, valid=valid, kind=kind, warnings=warnings)


def _with_lost_plus(text: str, region: str) -> _Number | None:
    """Read 491713920012 in a British record as the German mobile it is, not as a British number that cannot be."""
    digits = "".join(char for char in text if char.isdigit())
    if not region or text.startswith(("+", "0", "(0")) or len(digits) < _DIGITS_WITH_COUNTRY:
        return None
    try:
        number = _ruled(_parsed(f"+{digits}", ""), allow_voip=False)
    except _Unusable:
        return None
    if not number.valid or number.kind != PhoneNumberType.MOBILE:
        return None
    return replace(number, warnings=("read as if it began with +", *number.warnings))
