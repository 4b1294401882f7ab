"""Numbers with and without their plus; names and short codes are left alone."""

from __future__ import annotations

import pytest

from wire import e164


@pytest.mark.parametrize(
    ("written", "bare", "plus"),
    [
        ("+447700900123", "447700900123", "+447700900123"),
        ("447700900123", "447700900123", "+447700900123"),
        ("63330", "63330", "63330"),
        ("Tidings", "Tidings", "Tidings"),
        ("+Tidings", "+Tidings", "+Tidings"),
        ("", "", ""),
        ("0447700900", "0447700900", "0447700900"),
        ("٤٤٧٧٠٠٩٠٠١٢٣", "٤٤٧٧٠٠٩٠٠١٢٣", "٤٤٧٧٠٠٩٠٠١٢٣"),
    ],
)
def test_a_number_is_written_as_the_other_side_wants_it(written: str, bare: str, plus: str) -> None:
    assert (e164.bare(written), e164.plus(written)) == (bare, plus)


@pytest.mark.parametrize(
    ("written", "ours", "number"),
    [
        ("+12025550123", "", "+12025550123"),
        ("12025550123", "", "+12025550123"),
        ("12025550123", "+12025550100", "+12025550123"),
        ("2025550123", "+12025550100", "+12025550123"),
        ("(202) 555-0123", "12025550100", "+12025550123"),
        ("0049 171 3920012", "", "+491713920012"),
        ("0171 3920012", "+493023125001", "+491713920012"),
        ("491713920012", "+493023125001", "+491713920012"),
        ("491713920012", "+12025550100", "+491713920012"),
        ("07700 900123", "+447700900100", "+447700900123"),
        ("Shop", "+447700900100", "Shop"),
        ("12345", "", "12345"),
    ],
)
def test_a_phone_is_one_phone_however_its_number_is_spelled(written: str, ours: str, number: str) -> None:
    assert e164.canonical(written, ours) == number
