"""A rule in words, as `tidings rules show` tells it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from rules.describe import describe, span
from rules.load import load

ROOT = Path(__file__).parents[2]
EVERYTHING = """
version: 1
rules:
  - id: invoice
    event: [shop:invoice.issued, invoice.overdue]
    key: "{{ number }}"
    when: [amount_due > 0]
    to: [customer.phone]
    region: DE
    sender: Kerzenhof
    tz: Europe/Berlin
    gateway: {try: [main, backup], next_after: 90s}
    consent: billing
    test_events: true
    shadow: true
    sequence:
      - {id: now, text: "Invoice {{ number }}."}
      - id: soon
        schedule: {at: due_date, offset: -3d, time: "10:00", if_past: nearest, not_after: -2h}
        text: {en: "Invoice {{ number }} is due. STOP to opt out.", de: "Rechnung {{ number }}. Abmelden mit STOP."}
    cancel_on: invoice.paid
    supersede: "{{ number }}"
    dedupe: {key: "{{ number }}", for: 14d}
    recheck: {still: [amount_due > 0]}
    quiet_hours: {from: "21:00", to: "08:00", tz: Europe/Berlin, then: earlier}
    throttle: {max: 3, per: 24h, key: rule}
    redact: [pay_url]
    on_unknown: ask
"""
IN_WORDS = """
rule: invoice, rules.yaml line 4, in shadow: sends nothing
listens to: shop:invoice.issued, invoice.overdue
at most: 2 days after it happened, also test events
only when: amount_due > 0
texts: the first usable number of customer.phone (without +..: DE)
consent: opt-in to billing
record: {{ number }}: one waiting text per record and step
ends with: invoice.paid
once per: {{ number }} in 14 days
replaces: a waiting text of the same {{ number }}
rechecks: amount_due > 0, before sending; source silent: hold
step now: at once
text: Invoice {{ number }}.
step soon: 3 days before due_date, at 10:00 of that day; at the latest allowed moment where that has passed, \
never later than 2 hours before
text en: Invoice {{ number }} is due. STOP to opt out.
text de: Rechnung {{ number }}. Abmelden mit STOP.
speaks: locale en, else en; times in Europe/Berlin, else UTC
quiet hours: 21:00 to 08:00, Europe/Berlin; a text due then leaves before
legal hours: where the law of the recipient's country sets any, for texts that need consent
throttle: at most 3 in 1 day per person and rule
length: at most 6 segments; look-alike characters: safe
lives: 1 day: not handed over by then, it expires
hidden: pay_url
leaves by: main, then backup (the next after 1 minute 30 seconds), lane normal, as Kerzenhof
if unclear: a text nobody knows the fate of waits for a person
tests: 0 in the file
"""


def test_a_rule_is_told_in_the_order_in_which_it_acts() -> None:
    rule = load(Path("rules.yaml"), EVERYTHING.encode()).rules[0]

    assert [f"{name}: {said}" for name, said in describe(rule)] == IN_WORDS.strip().split("\n")


def test_a_batch_is_told() -> None:
    text = (
        EVERYTHING.partition("rules:")[0] + "rules: [{id: a, event: order.created, to: phone, text: Hi, batch: BATCH}]"
    )
    batch = "{key: '{{ phone }}', wait: 10m, max: 3}"
    rule = load(Path("rules.yaml"), text.replace("BATCH", batch).encode()).rules[0]

    assert dict(describe(rule))["gathers"] == "10 minutes long, at most 3, per {{ phone }}"


def test_what_answers_a_rule_knows_and_what_follows_is_told() -> None:
    asks = """
version: 1
rules:
  - id: visit
    event: appointment.booked
    to: phone
    text: "Does it suit you? Answer yes or no."
    replies:
      confirm: ["yes", "ok"]
      cancel: ["no"]
      call: ["call me"]
      write_back: {confirm: {status: confirmed}}
      answer: {cancel: "We have noted that."}
"""
    rule = load(Path("rules.yaml"), asks.encode()).rules[0]

    assert [said for name, said in describe(rule) if name.startswith("reply")] == [
        "yes or ok, writes status", "no, is answered", "call me",
    ]  # fmt: skip


def test_every_shipped_rule_can_be_told() -> None:
    for rule in load(ROOT / "rules/rules.yaml").rules:
        said = dict(describe(rule))

        assert rule.id in said["rule"]
        assert all(said.values())


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(hours=25, minutes=5), "1 day 1 hour"),
        (timedelta(minutes=90), "1 hour 30 minutes"),
    ],
)
def test_a_length_of_time_has_its_two_largest_units(length: timedelta, said: str) -> None:
    assert span(length) == said
