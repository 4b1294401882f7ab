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
