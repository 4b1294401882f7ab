"""Codes of the second factor, held against the standard's own numbers."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

import pytest

from web import totp

SECRET = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("second", "code"),
    [(59, "94287082"), (1111111109, "07081804"), (1111111111, "14050471"), (1234567890, "89005924"),
     (2000000000, "69279037"), (20000000000, "65353130")],
)  # fmt: skip
def test_codes_are_those_of_rfc_6238(second: int, code: str) -> None:
    """Appendix B has eight digits; six are the last six of them."""
    assert totp.code(SECRET, second // 30) == code[2:]


def test_a_clock_may_be_half_a_minute_off_and_no_more() -> None:
    now = datetime(2026, 11, 23, 9, 58, 14, tzinfo=UTC)
    for seconds, taken in ((0, True), (30, True), (-30, True), (60, False), (-60, False)):
        typed = totp.code(SECRET, totp.step_of(now + timedelta(seconds=seconds)))
        assert (totp.matching_step(SECRET, typed, now) is not None) == taken, seconds


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "\x00" * 6])
def test_what_is_no_code_is_none(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, datetime(2026, 11, 23, tzinfo=UTC)) is None


def test_the_picture_says_who_and_how_and_holds_no_style() -> None:
    drawn = totp.picture(SECRET, "kim & co@example.com")

    assert totp.address(SECRET, "kim & co") == f"otpauth://totp/Tidings:kim%20%26%20co?secret={SECRET}&issuer=Tidings"
    assert drawn.startswith("<svg")
    assert "style" not in drawn
    assert "script" not in drawn
