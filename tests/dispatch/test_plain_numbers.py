"""The quick way reads a number as phonenumbers does, or leaves it alone."""

from __future__ import annotations

import random

import phonenumbers
import pytest

from dispatch import plain_numbers
from dispatch.recipient import Candidate, NoRecipient, resolve
from tests.scale import runs

CODES = sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE)


def test_whatever_it_reads_it_reads_as_the_library_does() -> None:
    dice, read = random.Random(7), 0
    for _ in range(runs(3_000, 300_000)):
        text = f"+{dice.choice(CODES)}{dice.randrange(10 ** dice.randint(3, 11))}"
        found = plain_numbers.read(text)
        if found is not None:
            read += 1
            assert found == phonenumbers.parse(text, None), text
            is_known = phonenumbers.number_type(found) != phonenumbers.PhoneNumberType.UNKNOWN
            assert phonenumbers.is_valid_number(found) == is_known, text
    assert read > 1_000


@pytest.mark.parametrize(
    "text", ["0171 3920012", "+0491713920012", "+49", "+4901713920012", "491713920012", "+999123456"]
)
def test_what_takes_more_than_splitting_is_left_to_the_library(text: str) -> None:
    assert plain_numbers.read(text) is None


@pytest.mark.parametrize(
    ("text", "number"),
    [("+491713920012", "+491713920012"), ("+12025550100", "+12025550100"), ("+447700900123", "+447700900123")],
)
def test_a_plain_number_needs_no_country(text: str, number: str) -> None:
    found = resolve([Candidate(field="phone", value=text)], "")

    assert not isinstance(found, NoRecipient)
    assert found.number == number
    assert found.field == "phone"
