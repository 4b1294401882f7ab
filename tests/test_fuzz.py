"""Everything that reads bytes from outside, given bytes that make no sense: an answer or a refusal, soon, and no crash.

Each target gets its share of FUZZ_SECONDS (two by default, a minute in `make check`); FUZZ_SEED repeats the first case
of a run. Rules, conditions and tables have more of their own in tests/rules and tests/wire.
"""

from __future__ import annotations

import io
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from openpyxl import Workbook

import gateways
from certify.check import Subject
from certify.samples import incoming as callback_of
from connectors.base import Connector
from dispatch import recipient
from gateways.smpp import pdu as smpp
from gateways.smpp import receipt as smpp_receipt
from gateways.smpp import text as smpp_text
from inbound import samples
from model.event import Incoming
from model.message import Recipient
from model.reasons import Refused
from tests.fakes.mutating import PIECES, mutated
from tests.fakes.service import SECRET
from tests.scale import fuzz_seconds
from web import oidc
from web.api import cursors
from web.api.problems import Problem
from web.api.reading import name_of
from wire import ics, jwt, keywords, reading, salesforce_messages, tracing
from wire.table import BadTable
from wire.table import opened as table

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SLOWEST = 2.0
"""Seconds of processor time for one case of at most 200 kB: more is a way to shut others out."""

SAMPLES = list(samples.every())


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A reader of outside bytes. `refuses` are the ways in which it may say no."""

    seeds: Callable[[], Sequence[bytes]]
    read: Callable[[bytes, random.Random], object]
    refuses: tuple[type[Exception], ...] = (Refused,)


def _is_sampled(*connectors: str) -> Callable[[], Sequence[bytes]]:
    return lambda: [one.incoming.body for one in SAMPLES if not connectors or one.connector in connectors]


def parse(raw: bytes, dice: random.Random) -> object:
    """Any connector, given what another one's sender might send."""
    sample = dice.choice(SAMPLES)
    body = mutated(sample.incoming.body, dice, [raw]) if dice.random() < 0.8 else raw
    connector = built(sample)
    odd = replace(sample.incoming, body=body, headers=_odd(sample.incoming.headers, dice))
    connector.handshake(odd, [sample.secret])
    return connector.parse(odd)


def verify(raw: bytes, dice: random.Random) -> object:
    """Any connector's proof, with a signature, headers and address that are nearly right."""
    sample = dice.choice(SAMPLES)
    signed = sample.signed()
    headers = {**_odd(signed.headers, dice), "authorization": raw.decode("latin-1")[:300]}
    query = {name: mutated(value.encode(), dice).decode("utf-8", "replace") for name, value in signed.query.items()}
    odd = replace(signed, headers=headers, query=query, body=mutated(signed.body, dice))
    built(sample).verify(odd, [sample.secret], sample.now)
    return None


@cache
def _callbacks() -> Sequence[tuple[str, Mapping[str, Any], Incoming, str]]:
    found = []
    for kind in gateways.names():
        subject = Subject.of(gateways.load(kind), NOW)
        for part in ("receipts", "replies"):
            found += [(kind, row, callback_of(kind, row, NOW), part) for row in subject.rows(part)]
    return found


def callback(raw: bytes, dice: random.Random) -> object:
    """Any gateway's receipts and replies, and the proofs some of them carry."""
    kind, row, given, part = dice.choice(_callbacks())
    gateway = Subject.of(gateways.load(kind), NOW).sampled(row=row)
    body = mutated(given.body, dice, [raw])
    query = {name: mutated(value.encode(), dice).decode("utf-8", "replace") for name, value in given.query.items()}
    odd = replace(given, body=body, query=query, headers=_odd(given.headers, dice))
    with suppress(Refused):
        gateway.verify(odd, NOW)
    return gateway.parse_receipt(odd) if part == "receipts" else gateway.parse_reply(odd)


def pdu(raw: bytes, dice: random.Random) -> object:
    """A PDU with its TLVs, the receipt or the text in it."""
    smpp.message_id(raw)
    if len(raw) >= smpp.HEADER.size:
        smpp.header_of(raw[: smpp.HEADER.size])
    command = dice.choice((smpp.DELIVER, smpp.DATA))
    short = smpp.read_short(smpp.Pdu(command=command, body=raw))
    alphabet = dice.choice(("gsm7", "latin1", "ascii"))
    words, _ = smpp_text.read(short, alphabet)
    smpp_receipt.is_receipt(short, words)
    smpp_receipt.receipt(short, words, dice.choice(("auto", "hex", "decimal", "text")))
    return smpp_receipt.reply(short, alphabet, NOW)


def _pdus() -> Sequence[bytes]:
    said = b"id:0123456789 sub:001 dlvrd:001 submit date:2611231000 done date:2611231001 stat:DELIVRD err:000 text:Hi"
    phone, us = smpp.Address(value=b"447700900123", ton=1, npi=1), smpp.Address(value=b"12345")
    made = [
        smpp.Short(source=phone, to=us, text=said, esm_class=4),
        smpp.Short(source=phone, to=us, text=b"\x05\x00\x03\x07\x02\x01Hello", esm_class=0x40),
        smpp.Short(source=phone, to=us, text="Grüße".encode("utf-16-be"), data_coding=8),
        smpp.Short(source=phone, to=us, tlvs={0x001E: b"abc\x00", 0x0427: b"\x02", 0x0424: said}),
    ]
    return [short.encode() for short in made]


def rows(raw: bytes, _: random.Random) -> object:
    """A file of people: CSV in some encoding, or a workbook."""
    return [line.cells for line, _ in zip(table(io.BytesIO(raw)).lines, range(2_000), strict=False)]


@cache
def _tables() -> Sequence[bytes]:
    book, file = Workbook(), io.BytesIO()
    for row in (["phone", "name"], ["+447700900123", "Zoë"], ["+493023125001", 4.5], [None, NOW.replace(tzinfo=None)]):
        book.active.append(row)
    book.save(file)
    text = 'phone;name\n+447700900123;"Zoë; or so"\n'
    return [file.getvalue(), text.encode(), text.encode("utf-16"), text.encode("cp1252")]


def values(raw: bytes, dice: random.Random) -> object:
    """Whatever a body may hold where a number, a time or a flag should be."""
    text = raw.decode("utf-8", "replace")
    for value in (text, raw, *_json(raw), dice.choice(PIECES).decode("utf-8", "replace")):
        if isinstance(value, bytes):
            continue
        reading.moment(value)
        reading.moment(value, milliseconds=True)
        reading.decimal(value)
        reading.amount(value)
        reading.minor_amount(value, "EUR")
        reading.clean(value)
        reading.dig(value, text[:40])
    return reading.form(raw)


def _json(raw: bytes) -> Sequence[Any]:
    try:
        found = reading.json_body(raw)
    except Refused:
        return ()
    return [*found.values()] if isinstance(found, dict) else [found]


def number(raw: bytes, dice: random.Random) -> object:
    """A phone number as people write it."""
    text = raw.decode("utf-8", "replace")
    given: Any = dice.choice(
        (text, text[:30], raw[:9].hex(), dice.choice((None, 1e308, -5, True, [text], {"a": text})))
    )
    candidates = [recipient.Candidate(field="phone", value=given, region=dice.choice(("", "DE", "zz", text[:2])))]
    found = recipient.resolve(candidates, "GB", allow_short_codes=dice.random() < 0.5)
    recipient.mask(text)
    keywords.wish(text)
    return recipient.zones_of(found.number) if isinstance(found, Recipient) else None


def tokens(raw: bytes, _: random.Random) -> object:
    """Signed words: tokens of senders, cookies, cursors, names of requests and traces."""
    text = raw.decode("utf-8", "replace")
    for read in (
        lambda: jwt.claims_of(text, [SECRET], ("HS256", "HS512")),
        lambda: jwt.claims_by_public_key(text, ["-----BEGIN PUBLIC KEY-----\n" + text]),
        lambda: cursors.read("key", "events", text),
        lambda: oidc.unpacked(text, b"key", NOW),
        lambda: name_of(Incoming(source="api", body=raw, received_at=NOW, headers={"idempotency-key": text})),
        lambda: [*tracing._links(text)] if tracing.is_there() else None,
    ):
        try:
            read()
        except (Refused, Problem, oidc.Untrusted):
            continue
    return None


def _tokens() -> Sequence[bytes]:
    signed = jwt.sign_hmac({"sub": "shop", "exp": NOW.timestamp()}, SECRET)
    kept = oidc.packed(oidc.errand("/console/", NOW), b"key")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    return [word.encode() for word in (signed, kept, cursors.write("key", "events", "e1"), trace)]


def calendar(raw: bytes, _: random.Random) -> object:
    """A calendar's feed: its events, zones, durations and repetitions."""
    found = ics.feed(raw)
    for event in found.events[:50]:
        starts = found.moment(event.first("DTSTART"), UTC)
        ics.length(event.text("DURATION"))
        if starts is not None and event.first("RRULE"):
            ics.repeats(starts, event.text("RRULE"), starts.replace(year=min(9000, starts.year + 1)), 50)
    return found


CALENDAR = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
BEGIN:VEVENT\r
UID:a@shop.example\r
DTSTART;TZID=Europe/Berlin:20261124T100000\r
DURATION:PT1H30M\r
RRULE:FREQ=WEEKLY;COUNT=4\r
SUMMARY:Cut\\, wash\r
END:VEVENT\r
END:VCALENDAR\r
"""


TARGETS: Mapping[str, Target] = {
    "connectors, bodies": Target(seeds=_is_sampled(), read=parse),
    "connectors, proofs": Target(seeds=_is_sampled("stripe", "generic"), read=verify),
    "gateways, callbacks": Target(seeds=lambda: [one.body for _, _, one, _ in _callbacks()], read=callback),
    "Salesforce, SOAP": Target(
        seeds=lambda: [one.incoming.body for one in SAMPLES if one.path.suffix == ".xml"],
        read=lambda raw, _: (salesforce_messages.read(raw), salesforce_messages.organization(raw)),
    ),
    "SMPP": Target(seeds=_pdus, read=pdu, refuses=(smpp.Malformed,)),
    "lists": Target(seeds=_tables, read=rows, refuses=(BadTable,)),
    "values and forms": Target(seeds=lambda: [b'{"at": "2026-11-23T10:00:00Z", "total": "12.50"}', b"a=1&b=%20"],
                               read=values),
    "phone numbers": Target(seeds=lambda: [b"+44 7700 900123", b"0171 3920001", b"(202) 555-0100 ext. 5"], read=number),
    "tokens and cursors": Target(seeds=_tokens, read=tokens),
    "calendars": Target(seeds=lambda: [CALENDAR], read=calendar),
}  # fmt: skip


def built(sample: samples.Sample) -> Connector:
    if str(sample) not in _built:
        _built[str(sample)] = sample.build()
    return _built[str(sample)]


_built: dict[str, Connector] = {}


def _odd(headers: Mapping[str, str], dice: random.Random) -> dict[str, str]:
    """Break one header of a request, as far as a server lets it through: Latin-1, no line ends."""
    broken = dict(headers)
    if broken and dice.random() < 0.5:
        name = dice.choice([*broken])
        raw = mutated(broken[name].encode("latin-1", "replace"), dice)
        broken[name] = raw.decode("latin-1").replace("\r", "").replace("\n", "").replace("\0", "")[:4_000]
    return broken


@pytest.mark.parametrize("name", TARGETS)
def test_bytes_that_make_no_sense_are_refused_in_good_time(name: str) -> None:
    seed = int(os.environ.get("FUZZ_SEED", "0")) or time.time_ns()
    target, seeds, count = TARGETS[name], list(TARGETS[name].seeds()), 0
    ends = time.monotonic() + fuzz_seconds() / len(TARGETS)
    while count < 20 or time.monotonic() < ends:
        dice = random.Random(seed + count)
        raw = mutated(dice.choice(seeds), dice, seeds)
        began = time.thread_time()
        try:
            target.read(raw, dice)
        except target.refuses:
            pass
        except Exception as error:
            raise AssertionError(f"FUZZ_SEED={seed + count}: {raw[:300]!r}") from error
        took = time.thread_time() - began
        assert took < SLOWEST, f"FUZZ_SEED={seed + count} took {took:.1f} s: {raw[:300]!r}"
        count += 1
