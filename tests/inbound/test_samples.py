"""Samples that are played at another time: every moment in them moves along, and nothing else does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from inbound.samples import ROOT, read, shift_times
from model.reasons import Refused


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"2026-11-23T23:30:05Z"', b'"2026-11-25T00:30:05Z"'),
        (b'"2026-11-23 23:30:05"', b'"2026-11-25 00:30:05"'),
        (b'"2026-12-31T23:30:05+01:00"', b'"2027-01-02T00:30:05+01:00"'),
        (b'"2026-11-23"', b'"2026-11-24"'),
        (b'{"at": 1795476605}', b'{"at": 1795566605}'),
        (b'{"at": 1795476605123}', b'{"at": 1795566605123}'),
        (b'"2026-13-45"', b'"2026-13-45"'),
        (b'"2026-11-23T29:00:00Z"', b'"2026-11-23T29:00:00Z"'),
        (b'"A1795476605"', b'"A1795476605"'),
        (b'"+1 202 555 0123"', b'"+1 202 555 0123"'),
    ],
)
def test_a_sample_that_comes_a_day_and_an_hour_later_tells_of_moments_a_day_and_an_hour_later(
    before: bytes, after: bytes
) -> None:
    assert shift_times(before, timedelta(days=1, hours=1)) == after


def test_a_sample_is_signed_for_the_moment_it_is_played_at() -> None:
    sample = read(ROOT / "stripe" / "invoice-finalized.json")
    later = sample.now + timedelta(days=3)
    stripe = sample.build()

    stripe.verify(sample.signed(), [sample.secret], sample.now)
    stripe.verify(sample.signed(later), [sample.secret], later)

    with pytest.raises(Refused):
        stripe.verify(sample.signed(), [sample.secret], later)


def test_a_sample_comes_in_as_the_source_it_names_else_as_its_connector() -> None:
    named = [read(ROOT / "shopify" / "orders-create.json"), read(ROOT / "ecwid" / "order-shipped.json")]

    for sample in named:
        source = sample.expect.get("source", sample.connector)
        assert sample.incoming.source == source
        assert sample.incoming.url.endswith(f"/hooks/{source}")
