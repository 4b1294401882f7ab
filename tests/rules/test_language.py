"""The rule language by example, and each part of it that the other files do not tell: campaigns, sources, the law."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from jsonschema import Draft7Validator

from advice import advise
from dispatch.draft import Moment
from dispatch.facts import MemoryFacts
from dispatch.opening import easter
from dispatch.plan import plan
from dispatch.rehearse import rehearse
from inbound.examples import event_in
from model.event import Event
from model.message import Lane, Plan
from model.reasons import ConfigError
from rules.book import Book
from rules.describe import describe
from rules.load import load
from rules.reader import read
from rules.schema import schema
from rules.windows import every_window, windows_for
from rules.words import opt_out_in

LANGUAGE = Path(__file__).parents[1] / "fixtures" / "rules" / "language" / "rules.yaml"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
CAMPAIGN = """
version: 1
rules:
  - id: sale
    campaign:
      audience: {from: lists/newsletter.csv, when: "'vip' in tags"}
      start: 2026-11-27T10:00:00+01:00
      stop: 2026-11-27T19:00:00+01:00
      rate: 20/s
      approve: 2
    to: [phone]
    consent: marketing
    text: "20% off. STOP to opt out"
"""


def book(text: str) -> Book:
    return load(Path("no-such-folder/rules.yaml"), text.encode())


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        book(text)
    return [str(problem).removeprefix("rules.yaml:") for problem in caught.value.problems]


def planned(rules: Book, data: dict[str, Any], source: str = "mill", raw: dict[str, Any] | None = None) -> Plan:
    event = Event(
        source=source, type="order.created", native_type="new", id="1", key="A7", occurred_at=NOW, data=data, raw=raw
    )
    return plan(rules, event, MemoryFacts(), Moment(event_id="e", now=NOW, new_id=lambda: "m"))


# The whole file of the language.


def test_the_language_by_example_loads_and_holds_its_tests() -> None:
    whole = load(LANGUAGE)
    outcomes = rehearse(whole, event_in)

    assert [rule.id for rule in whole.rules] == [
        "order-confirmed", "shipment-status", "appointment-reminder", "invoice-reminders", "login-code", "winter-sale",
    ]  # fmt: skip
    assert len(outcomes) == 6
    assert [outcome.wrong for outcome in outcomes if outcome.wrong] == []


def test_the_checker_finds_one_error_in_it_a_field_that_no_connector_sends_for_invoices() -> None:
    errors = [problem.text for problem in advise(load(LANGUAGE)) if problem.level == "error"]

    assert errors == ["invoice.issued has no field customer.mobile."]


def test_an_editor_finds_nothing_wrong_in_it() -> None:
    plain = read(LANGUAGE).plain()

    assert [error.json_path for error in Draft7Validator(schema()).iter_errors(plain)] == []


# Campaigns.


def test_a_campaign_is_told_in_words() -> None:
    told = dict(describe(book(CAMPAIGN).rules[0]))

    assert told["campaign"] == "to the people of lists/newsletter.csv"
    assert told["only those"] == "'vip' in tags"
    assert told["begins"] == "2026-11-27 10:00 UTC+01:00, none after 2026-11-27 19:00 UTC+01:00, at most 20 a second"
    assert told["approved by"] == "2 people besides its maker"
    assert told["stops when"] == "more than 30% of at least 50 texts failed"
    assert "listens to" not in told


def test_no_event_starts_a_campaign() -> None:
    (decision,) = planned(book(CAMPAIGN), {"phone": "+491713920012", "tags": ["vip"]}).decisions

    assert decision.code == "no_rule"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("rate: 20/s", "rate: 20", "9:13: '20' is not a rate. Write 20/s, 600/m or 5000/h."),
        ("rate: 20/s", "rate: 0/s", "9:13: '0/s' is not a rate. Write 20/s, 600/m or 5000/h."),
        ("stop: 2026-11-27T19", "stop: 2026-11-27T09", "8:13: The campaign stops before it starts."),
        ("approve: 2", "approve: 0", "10:16: This must be at least 1."),
        ("approve: 2", "aprove: 2", "10:7: campaign has no field 'aprove'. Did you mean approve?"),
        ("start: 2026-11-27T10:00:00+01:00", "start: 2026-11-31 10:00 recipient",
         "7:14: '2026-11-31 10:00 recipient' is no date and time. Write 2026-11-27 10:00 recipient."),
        ("approve: 2", "caps: {day: 0}", "10:19: This must be at least 1."),
        ("approve: 2", "caps: {country: {Germany: 5}}",
         "10:24: 'Germany' is not a country. Write its ISO 3166 code, DE or GB, or '*' for the others."),
        ("approve: 2", "caps: {money: 5}", "10:21: '5' is not an amount of money. Write 250 EUR or 12.50 USD."),
        ("approve: 2", "stop_on: {failed: 0.3}", "10:25: '0.3' is not a share. Write 30%."),
        ("    to: [phone]", "    priority: otp\n    to: [phone]",
         "11:15: Rule sale is a campaign and must not go before what people wait for. Write bulk, or normal."),
        ("lists/newsletter.csv", "../people.csv",
         "6:24: '../people.csv' is not a list below this folder. Write lists/newsletter.csv."),
        ("lists/newsletter.csv", "lists/people.xls",
         "6:24: 'lists/people.xls' is not a list below this folder. Write lists/newsletter.csv."),
        ("start: 2026-11-27T10:00:00+01:00", "start: 2026-11-27T10:00:00",
         "7:14: '2026-11-27T10:00:00' is not a moment. Write 2026-11-23T10:00:00+01:00."),
        ("    to: [phone]", "    event: order.created\n    to: [phone]",
         "5:5: Rule sale has an event and a campaign; one of them is enough."),
        ("    to: [phone]", "    when: [vip]\n    to: [phone]",
         "11:5: Rule sale is a campaign and has no when. Write it into audience."),
        ("    to: [phone]", "    key: x\n    to: [phone]", "11:5: Rule sale is a campaign and has no key."),
    ],
)  # fmt: skip
def test_a_campaign_that_makes_no_sense_is_refused(old: str, new: str, said: str) -> None:
    assert problems(CAMPAIGN.replace(old, new)) == [said]


@pytest.mark.parametrize(
    ("variants", "text", "said"),
    [
        ("{a: 1}", "{a: x}", "4:69: One variant is none; name two, or leave variants out."),
        ("{a: 1, b: 2}", "{a: x}", "4:76: Rule s has no text for the variant 'b'."),
        ("{a: 1, b: 2}", "{a: x, b: y, c: z}",
         "5:24: The text 'c' is no variant. With variants, text has one entry for each."),
        ("{a: 1, b: 0}", "{a: x, b: y}", "4:79: This must be at least 1."),
    ],
)  # fmt: skip
def test_every_variant_has_a_text_and_every_text_its_share(variants: str, text: str, said: str) -> None:
    stanza = f"{{audience: {{from: lists/a.csv}}, start: now, variants: {variants}}}"

    assert problems(f"version: 1\nrules:\n  - id: s\n    campaign: {stanza}\n    text: {text}\n    to: p\n") == [said]


def test_what_a_campaign_may_use_is_told_in_words() -> None:
    more = "caps: {day: 5000, country: {DE: 10, '*': 5}, money: 50 EUR}\n      stop_on: {failed: 20%, spent: 250.5 EUR}"
    told = dict(describe(book(CAMPAIGN.replace("approve: 2", more)).rules[0]))

    assert told["on one day at most"] == "5,000 texts, 10 to DE, 5 to each other country, 50.00 EUR"
    assert told["stops when"] == "more than 20% of at least 50 texts failed, or 250.50 EUR are spent"
    assert book(CAMPAIGN).rules[0].lane is Lane.BULK


def test_a_rule_needs_an_event_or_a_campaign() -> None:
    assert problems("version: 1\nrules: [{id: a, to: phone, text: Hi}]") == [
        "2:9: Rule a needs the field 'event' or the field 'campaign'. Which events it listens to."
    ]


# Sources with words of their own.

NAMED = """
version: 1
defaults: {region: DE, tz: Europe/Berlin}
sources:
  mill:
    tz: America/New_York
    fields: {customer.phone: raw.billing.phone, customer.country: raw.billing.land, tier: raw.level, code: raw.pin}
rules:
  - id: visit
    event: order.created
    when: ["tier == 'gold'"]
    to: [customer.phone]
    key: "{{ tier }}"
    schedule: {at: starts_at, offset: 1h, if_past: skip}
    text: "{{ tier }}: {{ starts_at|time }} {{ code }}"
    redact: [code]
"""
RAW = {"billing": {"phone": "0171 3920012", "land": "DE"}, "level": "gold", "pin": "4711"}
DATA = {"starts_at": "2026-11-25T09:30:00", "customer": {"phone": "+447700900481", "name": "Zoë"}, "tier": "silver"}


def test_our_names_reach_conditions_recipients_keys_texts_and_what_is_hidden() -> None:
    made = planned(book(NAMED), DATA, raw=RAW)

    (message,) = made.messages
    assert message.recipient.number == "+491713920012"
    assert message.recipient.field == "raw.billing.phone"
    assert message.key == "gold"
    assert message.text.replace("\u202f", " ") == "gold: 3:30 PM 4711"
    assert message.shown.endswith("******")
    assert made.redact == ("raw.pin",)


def test_the_trace_tells_which_names_were_used_and_whose_clock() -> None:
    gates = {gate.name: gate.saw for gate in planned(book(NAMED), DATA, raw=RAW).decisions[0].gates}

    assert gates["sources"] == (
        "at mill, code is raw.pin, customer.phone is raw.billing.phone, tier is raw.level"
    )  # fmt: skip
    assert gates["schedule"].endswith("it names no zone, read in America/New_York (the source's)")


def test_other_sources_keep_their_own_words() -> None:
    (decision,) = planned(book(NAMED), DATA, source="shop", raw=RAW).decisions

    assert decision.code == "when[0]"


def test_the_event_itself_is_left_as_it_came() -> None:
    before = deepcopy(DATA)

    planned(book(NAMED), DATA, raw=RAW)

    assert before == DATA


def test_a_book_that_names_native_fields_asks_for_the_native_record() -> None:
    assert book(NAMED).uses_raw
    assert not book(NAMED[: NAMED.index("sources:")] + NAMED[NAMED.index("rules:") :]).uses_raw


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        ("{mill: {tz: Mars/Olympus}}", "2:22: 'Mars/Olympus' is not a time zone. Write it as Europe/Berlin."),
        ("{mill: {tz: recipient}}", "2:22: 'recipient' is not a time zone. Write it as Europe/Berlin."),
        ("{mill: {field: {a: b}}}", "2:18: The source mill has no field 'field'. Did you mean fields?"),
        ("{mill: {fields: [a]}}", "2:26: fields must be a map, not a list. Write {customer.phone: raw.billing.phone}."),
        ("{mill: {fields: {raw.a: b}}}", "2:27: 'raw.a' has its own meaning already."),
        ("{mill: {fields: {a b: c}}}", "2:27: 'a b' is not a field. Write it as customer.phone."),
        ("{mill: {fields: {a: b, b: c}}}",
         "2:30: a would stand for b, which is a name itself. Write the field that the source sends."),
        ("[mill]", "2:10: sources must be a map, not a list. Write shop: {tz: Europe/Berlin}."),
    ],
)  # fmt: skip
def test_names_that_make_no_sense_are_refused(sources: str, said: str) -> None:
    assert said in problems(f"version: 1\nsources: {sources}\nrules: []")


def test_names_are_held_against_what_the_source_documents() -> None:
    text = """
version: 1
sources:
  shop: {fields: {handy: shipping.mobile}}
  mill: {tz: Europe/Berlin}
  till: {fields: {handy: whatever.it.sends}}
rules: [{id: a, event: shop:order.created, to: [handy], text: Hi}]
"""
    sources = {
        "shop": SimpleNamespace(connector="shopify", options={}),
        "till": SimpleNamespace(connector="generic", options={}),
    }

    found = [str(p) for p in advise(book(text), sources)]

    assert [line.partition(". It has ")[0].partition(". Did you")[0] for line in found] == [
        "rules.yaml:4:3: shop sends no field shipping.mobile, which handy stands for",
        "rules.yaml:5:3: warning: No source is called mill; what stands here has no effect.",
    ]


# Times that name no zone.

WHEN = """
version: 1
{defaults}
rules:
  - id: visit
    event: order.created
    {tz}
    to: [phone]
    schedule: {{at: starts_at, offset: 1h, if_past: skip}}
    text: "{{{{ starts_at|time }}}}"
"""


@pytest.mark.parametrize(
    ("defaults", "tz", "record", "whose", "told"),
    [
        ("defaults: {tz: Europe/Berlin}", "", {}, "Europe/Berlin (the rule's)", "3:30 AM"),
        ("defaults: {tz: Europe/Berlin}", "tz: Asia/Tokyo", {}, "Asia/Tokyo (the rule's)", "7:30 PM"),
        ("defaults: {tz: Europe/Berlin}", "tz: zone", {"zone": "Asia/Tokyo"}, "Asia/Tokyo (the record's)", "9:30 AM"),
        ("defaults: {tz: Europe/Berlin}", "tz: zone", {}, "Europe/Berlin (the rule's)", "3:30 AM"),
        ("", "", {}, "America/New_York (the recipient's)", "9:30 AM"),
    ],
)
def test_a_time_without_a_zone_says_whose_clock_it_was_read_on(
    defaults: str, tz: str, record: dict[str, str], whose: str, told: str
) -> None:
    rules = book(WHEN.format(defaults=defaults, tz=tz or "enabled: true"))
    data = {"phone": "+12025550123", "starts_at": "2026-11-25T09:30:00", **record}

    (decision,) = planned(rules, data).decisions

    assert {gate.name: gate.saw for gate in decision.gates}["schedule"].endswith(f"read in {whose}")
    assert decision.message is not None
    assert decision.message.text.replace("\u202f", " ") == told


def test_a_text_whose_life_ends_in_the_quiet_hours_says_when_it_would_have_left() -> None:
    said = """
version: 1
rules:
  - {id: sale, event: order.created, to: [phone], text: Hi, ttl: 2h, quiet_hours: {from: "11:00", to: "19:30", tz: UTC}}
"""

    (decision,) = planned(book(said), {"phone": "+12025550123"}).decisions

    (gate,) = [gate for gate in decision.gates if not gate.passed]
    assert (gate.name, gate.saw) == ("ttl", "would leave at 2026-11-23 19:30 UTC, its ttl ends before")


# Texts that a value picks.

PICKED = """
version: 1
rules:
  - id: parcel
    event: shipment.updated
    to: [phone]
    text_by: status
    text: {delivered: "It is there.", delayed: "It is late."}
"""


@pytest.mark.parametrize(
    ("record", "text", "why"),
    [
        ({"status": "delayed"}, "It is late.", ""),
        ({"status": "lost"}, "", "status is 'lost'"),
        ({}, "", "missing: status"),
    ],
)
def test_a_text_is_picked_by_a_value_and_a_value_without_a_text_says_so(
    record: dict[str, str], text: str, why: str
) -> None:
    event = Event(
        source="mill", type="shipment.updated", native_type="x", id="1", key="A7", occurred_at=NOW,
        data={"phone": "+12025550123", **record},
    )  # fmt: skip

    (decision,) = plan(book(PICKED), event, MemoryFacts(), Moment(event_id="e", now=NOW, new_id=lambda: "m")).decisions

    assert (decision.message.text if decision.message else "") == text
    assert decision.code == ("text_by" if why else "send")
    assert why in "".join(gate.saw for gate in decision.gates if not gate.passed)


# The way out.


@pytest.mark.parametrize(
    ("locale", "line"),
    [
        ("en-GB", "Reply STOP to opt out"),
        ("de", "Abmelden: Antwort STOP"),
        ("de_AT", "Abmelden: Antwort STOP"),
        ("fr", "STOP pour se désabonner"),
        ("es", "Responda STOP para darse de baja"),
        ("pt-BR", "Responda STOP para sair"),
        ("it", "Rispondi STOP per disiscriverti"),
        ("nl-BE", "Afmelden: antwoord STOP"),
        ("ja", "Reply STOP to opt out"),
        ("", "Reply STOP to opt out"),
    ],
)
def test_the_way_out_speaks_the_language_of_the_text_or_english(locale: str, line: str) -> None:
    assert opt_out_in(locale) == line


# Hours of the law.


def test_every_window_of_the_law_names_its_basis_and_source() -> None:
    windows = list(every_window())

    assert len(windows) > 8
    assert all(window.basis and window.source and any(window.week) for window in windows)


@pytest.mark.parametrize(
    ("number", "country", "names"),
    [
        ("+12025550123", "US", ["US"]),
        ("+13055550123", "US", ["US", "US-FL"]),
        ("+15125550123", "US", ["US", "US-TX"]),
        ("+14165550123", "CA", []),
        ("+33612345678", "FR", ["FR"]),
        ("+491713920012", "DE", []),
    ],
)
def test_a_number_has_the_windows_of_its_country_and_area_code(number: str, country: str, names: list[str]) -> None:
    assert [window.name for window in windows_for(number, country)] == names


def test_easter_falls_where_the_calendar_says() -> None:
    known = ("2000-04-23", "2008-03-23", "2011-04-24", "2019-04-21", "2024-03-31", "2026-04-05", "2038-04-25")

    assert [easter(int(day[:4])).isoformat() for day in known] == list(known)


LAW = """
version: 1
rules:
  - id: news
    event: order.created
    to: [phone]
    max_age: 3000d
    ttl: 9d
    consent: {consent}
    legal_hours: {hours}
    quiet_hours: {quiet}
    text: "News. STOP to opt out"
"""


@pytest.mark.parametrize(
    ("number", "now", "leaves"),
    [
        ("+33612345678", "2026-11-21T21:59:59+01:00", "2026-11-21T21:59:59+01:00"),
        ("+33612345678", "2026-11-21T22:00:00+01:00", "2026-11-23T08:00:00+01:00"),  # over a Sunday
        ("+33612345678", "2026-12-24T22:30:00+01:00", "2026-12-26T08:00:00+01:00"),  # over Christmas
        ("+33612345678", "2026-05-23T22:30:00+02:00", "2026-05-26T08:00:00+02:00"),  # Sunday and Whit Monday
        ("+33612345678", "2026-05-14T12:00:00+02:00", "2026-05-15T08:00:00+02:00"),  # Ascension
        ("+33612345678", "2026-03-28T22:30:00+01:00", "2026-03-30T08:00:00+02:00"),  # the clock changes
        ("+15125550123", "2026-11-22T09:00:00-06:00", "2026-11-22T12:00:00-06:00"),  # a Texan Sunday
        ("+14015550123", "2026-11-28T17:00:00-05:00", "2026-11-29T10:00:00-05:00"),  # Rhode Island at weekends
        ("+13055550123", "2026-11-23T20:00:00-05:00", "2026-11-24T08:00:00-05:00"),  # Florida closes early
        ("+12025550123", "2026-11-23T20:00:00-05:00", "2026-11-23T20:00:00-05:00"),
        ("+491713920012", "2026-11-22T23:00:00+01:00", "2026-11-22T23:00:00+01:00"),
    ],
)
def test_a_marketing_text_waits_for_the_hours_of_its_country(number: str, now: str, leaves: str) -> None:
    found = _law(number, now, consent="marketing")

    assert found == datetime.fromisoformat(leaves)


def test_transactional_texts_keep_to_them_only_where_a_rule_asks_for_it() -> None:
    sunday = "2026-11-22T12:00:00+01:00"

    assert _law("+33612345678", sunday) == datetime.fromisoformat(sunday)
    assert _law("+33612345678", sunday, hours="always") == datetime.fromisoformat("2026-11-23T08:00:00+01:00")
    assert _law("+33612345678", sunday, consent="marketing", hours="never") == datetime.fromisoformat(sunday)


def test_what_becomes_of_a_text_outside_them_is_what_the_quiet_hours_say() -> None:
    sunday, saturday = "2026-11-22T12:00:00+01:00", datetime.fromisoformat("2026-11-21T20:59:59+01:00")
    night = '{{from: "21:00", to: "08:00", then: {}}}'.replace("{{", "{").replace("}}", "}")

    assert _law("+33612345678", sunday, consent="marketing", quiet=night.replace("{}", "drop")) is None
    early = _law("+33612345678", sunday, consent="marketing", quiet=night.replace("{}", "earlier"), ahead=2)
    assert early == saturday


def _law(
    number: str, now: str, *, consent: str = '""', hours: str = "consent", quiet: str = "ignore", ahead: int = 0
) -> datetime | None:
    """Return when a text due at `now` leaves, told `ahead` days before."""
    text = LAW.format(consent=consent, hours=hours, quiet=quiet)
    if ahead:
        text += "    schedule: {at: due, if_past: skip}\n"
    moment = datetime.fromisoformat(now) - timedelta(days=ahead)
    event = Event(
        source="s", type="order.created", native_type="x", id="1", key="k", occurred_at=moment,
        data={"phone": number, "due": now},
    )  # fmt: skip
    facts = MemoryFacts(opted_in=frozenset({number}))
    made = plan(book(text), event, facts, Moment(event_id="e", now=moment, new_id=lambda: "m"))
    return made.messages[0].due_at if made.messages else None
