"""The rules of the simulated house, in versions: other words, other conditions, rules taken away, a broken file."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from rules.book import Book
from rules.load import load

RULES = """
version: 1
defaults: {region: DE, tz: Europe/Berlin, quiet_hours: ignore, max_age: 48h, ttl: 20h}
rules:
  - id: order
    event: order.created
    when: [total > 10]
    to: [phone]
    text: "[o/{{ event.key }}] Thank you."
    dedupe: {key: "{{ event.key }}"}
  - id: paid
    event: order.paid
    quiet_hours: {from: "21:00", to: "08:00", tz: recipient, then: defer}
    to: [phone]
    on_unknown: retry
    text: "[p/{{ event.key }}] We have your money."
    dedupe: {key: "{{ event.key }}"}
  - id: parcel
    event: shipment.updated
    key: "{{ event.key }}"
    quiet_hours: {from: "23:30", to: "02:30", tz: Europe/Berlin, then: drop}
    to: [phone]
    text_by: status
    text: {out: "[s/{{ event.key }}/out] It is on its way.", done: "[s/{{ event.key }}/done] It is there."}
    dedupe: {key: "{{ event.key }}/{{ status }}"}
  - id: reminder
    event: [appointment.booked, appointment.rescheduled]
    key: "{{ event.key }}"
    cancel_on: [appointment.cancelled]
    schedule: {at: starts_at, offset: -24h, if_past: send_now, not_after: -1h}
    quiet_hours: {from: "20:00", to: "09:00", tz: recipient, then: earlier}
    to: [phone]
    text: "[a/{{ event.key }}/{{ starts_at }}] See you then."
  - id: invoice
    event: invoice.issued
    key: "{{ event.key }}"
    cancel_on: [invoice.paid]
    when: [amount_due > 0]
    to: [phone]
    dedupe: {key: "{{ event.key }}"}
    recheck: {still: [amount_due > 0], if_unreachable: hold}
    sequence:
      - {id: now, text: "[i/{{ event.key }}/now] Your invoice."}
      - {id: due, schedule: {at: due_date, time: "10:00"}, text: "[i/{{ event.key }}/due] It is due."}
  - id: digest
    event: ticket.created
    to: [phone]
    batch: {key: "{{ phone }}", wait: 10m, max: 3}
    dedupe: {key: "{{ event.key }}"}
    text: "{% for item in items %}[t/{{ item.id }}]{% endfor %} {{ count }} news."
  - id: code
    event: verification.requested
    to: [phone]
    priority: otp
    ttl: 5m
    gateway: {try: [main, backup], next_after: 15s}
    text: "{{ code }} is your code."
  - id: news
    campaign: {audience: {from: lists/people.csv}, start: 2026-01-01T10:00:00+01:00, rate: 2/s, approve: 1}
    consent: marketing
    to: [phone]
    priority: bulk
    text: "[n/{{ name }}] Candles. Text STOP to leave."
"""
VERSIONS = (
    RULES,
    RULES.replace("Thank you.", "Thank you very much.").replace("See you then.", "We look forward to seeing you."),
    RULES.replace("when: [total > 10]", "when: [total > 40]").replace("ttl: 20h", "ttl: 6h"),
    re.sub(r"  - id: (?:paid|reminder)\n(?:    .*\n)+", "", RULES),
    RULES.replace("to: [phone]", "to: phone, home]", 1),
)
"""The last one cannot be read: publishing it is refused."""

QUIET = {
    "paid": ("21:00", "08:00", ""),
    "parcel": ("23:30", "02:30", "Europe/Berlin"),
    "reminder": ("20:00", "09:00", ""),
}
"""When each rule leaves people alone, and by whose clock ("" for the phone's), for an oracle that reads no rules."""

LAW = {"+1": ("21:00", "08:00", "America/New_York")}
"""Texts of a category, by where the phone is: 47 CFR 64.1200(c)(1), read 2026-11."""

HOME = {"+49": "Europe/Berlin", "+44": "Europe/London", "+1": "America/New_York"}
"""The one zone of each fictional number used here."""


@lru_cache(maxsize=16)
def book_of(text: str) -> Book:
    """Read a version once per process. Raises ConfigError."""
    return load(Path("rules.yaml"), text.encode())
