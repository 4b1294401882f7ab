"""A quick way for numbers that are written as they should be, +491713920012: most of a list of a million are.

What phonenumbers.parse does beside splitting off the country (other digits, extensions, trunk prefixes) is left out
only where it has nothing to do; tests/dispatch/test_plain_numbers.py compares the two.
"""

from __future__ import annotations

import re
from functools import lru_cache

from phonenumbers import PhoneMetadata, PhoneNumber, region_code_for_country_code
from phonenumbers.phonenumberutil import COUNTRY_CODE_TO_REGION_CODE

PLAIN = re.compile(r"\+[1-9][0-9]{6,14}")


def read(text: str) -> PhoneNumber | None:
    """Split a number into its country and the rest; None where that takes more than splitting."""
    if not PLAIN.fullmatch(text):
        return None
    for end in (2, 3, 4):
        if int(text[1:end]) in COUNTRY_CODE_TO_REGION_CODE:
            code, rest = int(text[1:end]), text[end:]
            is_plain = len(rest) > 2 and rest[0] != "0" and not _trunk(code).match(rest)
            return PhoneNumber(country_code=code, national_number=int(rest)) if is_plain else None
    return None


@lru_cache(maxsize=300)
def _trunk(code: int) -> re.Pattern[str]:
    """Return what parse would take off the front of a country's numbers."""
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(code, region_code_for_country_code(code))
    prefix = metadata.national_prefix_for_parsing if metadata else None
    return re.compile(prefix or r"(?!)")
