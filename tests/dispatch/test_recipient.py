"""Recipients: every number of the facts table, the damage of spreadsheets, and words for what was refused."""

from __future__ import annotations

from typing import Any

import pytest

from dispatch.recipient import Candidate, NoRecipient, mask, resolve, zones_of
from model.message import Recipient

DOUBT = "the number is possible, but in no range known to be in use"
LANDLINE = "the number is a landline"
EXTENSION = "dropped the extension"
SEVERAL = "took one of several numbers in the field"
LOST_PLUS = "read as if it began with +"

TEXTED: list[tuple[Any, str, str, str, str]] = [
    ("07911 123456", "GB", "+447911123456", "GB", ""),
    ("00447911123456", "GB", "+447911123456", "GB", ""),
    ("0044 7911 123456", "DE", "+447911123456", "GB", ""),
    ("011 44 7911 123456", "US", "+447911123456", "GB", ""),
    ("00 44 7911 123456", "US", "+447911123456", "GB", ""),
    ("0011 44 7911 123456", "AU", "+447911123456", "GB", ""),
    ("00447911123456", "", "+447911123456", "GB", ""),
    ("tel:+44-7911-123456", "DE", "+447911123456", "GB", ""),
    ("tel:07911-123456;phone-context=+44", "DE", "+447911123456", "GB", ""),
    ("Tel. 07911 123456", "GB", "+447911123456", "GB", ""),
    ("+44 (0)7911 123456", "DE", "+447911123456", "GB", ""),
    ("０７９１１　１２３４５６", "GB", "+447911123456", "GB", ""),
    ("\u202a+44 7911 123456\u202c", "", "+447911123456", "GB", ""),
    ("'+447911123456", "", "+447911123456", "GB", ""),
    ("447911123456", "GB", "+447911123456", "GB", ""),
    ("447911123456", "DE", "+447911123456", "GB", LOST_PLUS),
    ("491713920012", "GB", "+491713920012", "DE", LOST_PLUS),
    (447911123456, "GB", "+447911123456", "GB", ""),
    ("447911123456.0", "GB", "+447911123456", "GB", ""),
    (447911123456.0, "GB", "+447911123456", "GB", ""),
    ("020 7946 0018", "GB", "+442079460018", "GB", LANDLINE),
    ("+44 7700 900123", "", "+447700900123", "GB", DOUBT),
    ("+1 415 555 0123", "", "+14155550123", "US", ""),
    ("(415) 555-2671", "US", "+14155552671", "US", ""),
    ("+15005550006", "", "+15005550006", "US", ""),
    ("06 12 34 56 78", "FR", "+33612345678", "FR", ""),
    ("0151 23456789", "DE", "+4915123456789", "DE", ""),
    ("9876543210", "IN", "+919876543210", "IN", ""),
    ("0412 345 678", "AU", "+61412345678", "AU", ""),
    ("0712 345678", "KE", "+254712345678", "KE", ""),
    ("070-123 45 67", "SE", "+46701234567", "SE", ""),
    ("139 1234 5678", "CN", "+8613912345678", "CN", ""),
    ("8 912 345-67-89", "RU", "+79123456789", "RU", ""),
    ("11 98765-4321", "BR", "+5511987654321", "BR", ""),
    ("+55 11 8765-4321", "", "+551187654321", "BR", DOUBT),
    ("+52 55 1234 5678", "", "+525512345678", "MX", ""),
    ("011 15-2345-6789", "AR", "+5491123456789", "AR", ""),
    ("+54 11 2345 6789", "", "+541123456789", "AR", LANDLINE),
    ("+39 06 1234 5678", "", "+390612345678", "IT", LANDLINE),
    ("+7 701 123 4567", "", "+77011234567", "KZ", ""),
    ("+972 50-123-4567", "", "+972501234567", "IL", DOUBT),
    ("+44 20 7946 0018 ext. 5", "", "+442079460018", "GB", f"{EXTENSION}; {LANDLINE}"),
    ("+447911123456 x12", "", "+447911123456", "GB", EXTENSION),
    ("+447911123456;ext=12", "", "+447911123456", "GB", EXTENSION),
    ("030/23125001", "DE", "+493023125001", "DE", LANDLINE),
    ("0171 3920012 / 030 23125001", "DE", "+491713920012", "DE", SEVERAL),
    ("0171 3920012 oder 030 23125001", "DE", "+491713920012", "DE", SEVERAL),
    ("0171 3920012 ODER 030 23125001", "DE", "+491713920012", "DE", SEVERAL),
    ("+18005550199, +447911123456", "DE", "+447911123456", "GB", SEVERAL),
]


@pytest.mark.parametrize(("value", "region", "number", "country", "warning"), TEXTED, ids=[ascii(r[0]) for r in TEXTED])
def test_a_number_is_read_as_people_write_it(value: Any, region: str, number: str, country: str, warning: str) -> None:
    found = resolve([Candidate(field="phone", value=value)], region)

    assert found == Recipient(number=number, field="phone", region=country, warning=warning)


REFUSED: list[tuple[Any, str, str]] = [
    ("447911123456", "", "••••••••••56 has no country code, and no country to read it by is configured"),
    ("+18005550199", "", "+1••••••••99 is a toll-free number"),
    ("+19005550199", "", "+1••••••••99 is a premium-rate number"),
    ("+44 55 1234 5678", "", "+44••••••••78 is a company access number"),
    ("+870 773 111 632", "", "+870•••••••32 is a satellite or worldwide number"),
    ("+882 13 123 456 789", "", "+882•••••••••89 is a satellite or worldwide number"),
    ("+52 1 55 1234 5678", "", "+52•••••••••78 is too long for MX"),
    ("+225 07 12 34 56", "", "+225••••••56 is too short for CI"),
    ("12345", "US", "•••45 is too short for US"),
    ("112", "GB", "••• is too short for GB"),
    ("5551234", "US", "•••••34 lacks its area code for US"),
    ("+999 123 456 789", "", "+••••••••••89 has no such country code"),
    ("1-800-FLOWERS", "US", "holds letters, not only a phone number"),
    ("555-555-SHIP", "US", "holds letters, not only a phone number"),
    ("abc", "US", "holds letters, not only a phone number"),
    ("+12", "", "+1••• is not a phone number"),
    ("4.47911E+11", "GB", "was rounded by a spreadsheet (it reads like 4.4E+11); format the column as text"),
    ("4,47911e11", "GB", "was rounded by a spreadsheet (it reads like 4.4E+11); format the column as text"),
    (4.47911e11, "GB", "was rounded by a spreadsheet; format the column as text"),
    ("", "GB", "is empty"),
    ("  \u200b ", "GB", "is empty"),
    (None, "GB", "is empty"),
    (True, "GB", "holds a yes or no, not a phone number"),
    (["+447911123456"], "GB", "holds a list, not a phone number"),
    ({"number": 1}, "GB", "holds a record, not a phone number"),
    ("1" * 101, "GB", "is too long to be a phone number"),
    (10**5000, "GB", "is too long to be a phone number"),
    ("\ud800", "GB", "••• is not a phone number"),
    ("0" * 40, "GB", "••••••••••••00 is not a phone number"),
]


@pytest.mark.parametrize(("value", "region", "why"), REFUSED, ids=range(len(REFUSED)))
def test_a_value_that_cannot_be_texted_is_refused_in_words(value: Any, region: str, why: str) -> None:
    found = resolve([Candidate(field="phone", value=value)], region)

    assert found == NoRecipient(tried=(("phone", why),))


def test_an_internet_phone_is_refused_unless_the_operator_allows_it() -> None:
    internet = [Candidate(field="phone", value="+44 56 1234 5678")]

    assert resolve(internet, "") == NoRecipient(tried=(("phone", "+44••••••••78 is an internet phone number"),))
    assert isinstance(resolve(internet, "", allow_voip=True), Recipient)


def test_the_first_field_with_a_usable_number_wins() -> None:
    found = resolve(
        [
            Candidate(field="customer.mobile", value=None),
            Candidate(field="customer.phone", value="1-800-FLOWERS"),
            Candidate(field="billing.phone", value="0171 3920012"),
            Candidate(field="shipping.phone", value="0171 3920013"),
        ],
        "DE",
    )

    assert isinstance(found, Recipient)
    assert (found.number, found.field) == ("+491713920012", "billing.phone")


def test_each_field_is_read_in_the_country_of_its_own_address() -> None:
    found = resolve([Candidate(field="shipping.phone", value="07911 123456", region="gb")], "DE")

    assert isinstance(found, Recipient)
    assert found.number == "+447911123456"


def test_when_no_field_works_each_says_why_and_shows_no_number() -> None:
    found = resolve(
        [Candidate(field="a", value="5551234", region="US"), Candidate(field="b", value="+18005550199")], "DE"
    )

    assert isinstance(found, NoRecipient)
    assert found.why == "a: •••••34 lacks its area code for US; b: +1••••••••99 is a toll-free number".replace(
        "••••39", "•••••39"
    )
    assert "5550" not in found.why


def test_a_rule_without_a_field_says_so() -> None:
    assert resolve([], "DE") == NoRecipient(tried=())
    assert NoRecipient(tried=()).why == "the rule names no field"


def test_a_short_code_is_a_recipient_only_where_the_rule_asks_for_one() -> None:
    code = [Candidate(field="short_code", value="72345")]

    assert isinstance(resolve(code, "US"), NoRecipient)
    assert resolve(code, "US", allow_short_codes=True) == Recipient(number="72345", field="short_code", region="US")


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+491713920012", "+49••••••••12"),
        ("+14155552671", "+1••••••••71"),
        ("+390612345678", "+39••••••••78"),
        ("0171 3920012", "•••••••••12"),
        ("12345", "•••45"),
        ("112", "•••"),
        ("Anna", "•••"),
        ("+", "+•••"),
        ("", ""),
        ("9" * 90, "••••••••••••99"),
    ],
)
def test_a_masked_number_keeps_its_country_and_two_digits(number: str, masked: str) -> None:
    assert mask(number) == masked


@pytest.mark.parametrize(
    ("number", "zones"),
    [
        ("+491713920012", ("Europe/Berlin",)),
        ("+18502341234", ("America/Chicago", "America/New_York")),
        ("+18504321234", ("America/Chicago", "America/New_York")),
        ("+870773111632", ()),
        ("+999123", ()),
        ("72345", ()),
    ],
)
def test_a_number_names_every_zone_its_owner_may_be_in(number: str, zones: tuple[str, ...]) -> None:
    assert zones_of(number) == zones


def test_numbers_of_wide_countries_and_of_no_place_have_many_zones() -> None:
    assert len(zones_of("+61412345678")) >= 5
    assert len(zones_of("+79123456789")) >= 10
    assert len(zones_of("+15005550006")) > 30
