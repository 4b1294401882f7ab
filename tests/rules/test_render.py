"""Texts: every filter in several locales and zones, and what happens to a field that is not there."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from rules.render import FILTERS, TemplateFault, Voice, compile_text, locale_of
from rules.sandbox import ENVIRONMENT

DATA: dict[str, Any] = {
    "name": "Zoë Anna",
    "empty": "",
    "nothing": None,
    "total": "1149.90",
    "zero": 0,
    "paid": True,
    "currency": "EUR",
    "customer": {"name": "Anna", "phone": None, "class": "A"},
    "company": {"name": ""},
    "items": [{"title": "Candle", "count": 2}, {"title": "Wick", "count": 1}],
    "tags": ["vip", "new"],
    "day": "2026-11-15",
    "moment": "2026-11-15T17:30:00+00:00",
    "naive": "2026-11-15T17:30:00",
    "tag": "<b>&amp;</b>",
}
BERLIN, NEW_YORK, TOKYO, KOLKATA = (
    ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Asia/Tokyo", "Asia/Kolkata")
)

SAYS = [
    ("Hi {{ name }}!", "Hi Zoë Anna!"),
    ("  {{ name }}\n", "Zoë Anna"),
    ("{{ customer.name }}", "Anna"),
    ("{{ customer['name'] }}", "Anna"),
    ("{{ customer.class }}", "A"),
    ("{{ items[0].title }} {{ items[-1].title }}", "Candle Wick"),
    ("{{ tag }}", "<b>&amp;</b>"),
    ("{{ zero }}", "0"),
    ("{{ name|upper }} {{ name|lower }} {{ 'ab cd'|title }}", "ZOË ANNA zoë anna Ab Cd"),
    ("[{{ '  x '|trim }}]", "[x]"),
    ("{{ name|truncate_name }}", "Zoë"),
    ("{{ 'Wolfeschlegelsteinhausen'|truncate_name }}", "Wolfeschlegelst"),
    ("{{ 'Wolfeschlegelsteinhausen'|truncate_name(5) }}", "Wolfe"),
    ("{{ items|length }}", "2"),
    ("{{ tags|first }} {{ tags|last }} {{ tags|join(', ') }}", "vip new vip, new"),
    ("{{ tags|join }}", "vipnew"),
    ("{{ nothing|default('a') }} {{ empty|default('b') }} {{ nowhere.at.all|default('c') }}", "a b c"),
    ("{% if nothing %}a{% elif customer.phone %}b{% else %}c{% endif %}", "c"),
    ("{% if paid %}yes{% endif %}{% if not empty %} no{% endif %}", "yes no"),
    ("{% if 'vip' in tags and total %}dear{% endif %}", "dear"),
    ("{% if company.name %}{{ company.name }}{% else %}you{% endif %}", "you"),
    ("{% if nothing is defined %}a{% else %}b{% endif %}{% if customer.name == 'Anna' %}c{% endif %}", "bc"),
    ("{% for i in items %}{{ i.title }}{% if not loop.last %}, {% endif %}{% endfor %}", "Candle, Wick"),
    ("{% for item in items %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/2 2/2"),
    ("{% for item in items if item.count > 1 %}{{ item.title }}{% else %}none{% endfor %}", "Candle"),
    ("{{ 'a' ~ 'b' }}{{ 3 + 4 - 2 }}", "ab5"),
    ("{# a note #}{{ name if paid else 'you' }}", "Zoë Anna"),
    ("{%- if paid -%}  tight  {%- endif -%}", "tight"),
    ("{{ (' https://a.example/' ~ zero)|short }}", "short(https://a.example/0)"),
]  # fmt: skip


@pytest.mark.parametrize(("source", "text"), SAYS, ids=[case[0] for case in SAYS])
def test_a_text_says(source: str, text: str) -> None:
    assert compile_text(source).render(DATA, Voice(shorten="short({})".format)) == text


WORDS = [
    ("{{ total|money(currency) }}", "en-US", BERLIN, "€1,149.90"),
    ("{{ total|money(currency) }}", "de-DE", BERLIN, "1.149,90\xa0€"),
    ("{{ total|money(currency) }}", "fr-FR", BERLIN, "1\u202f149,90\xa0€"),
    ("{{ total|money('jpy') }}", "ja", TOKYO, "￥1,150"),
    ("{{ total|money('KWD') }}", "en", BERLIN, "KWD1,149.900"),
    ("{{ '-5'|money('EUR') }}", "en", BERLIN, "-€5.00"),
    ("{{ 0|money('EUR') }}", "en", BERLIN, "€0.00"),
    ("{{ 0.1|money('EUR') }}", "de", BERLIN, "0,10\xa0€"),
    ("{{ day|date }}", "en", BERLIN, "Nov 15, 2026"),
    ("{{ day|date }}", "en-GB", BERLIN, "15 Nov 2026"),
    ("{{ day|date }}", "de", BERLIN, "15.11.2026"),
    ("{{ day|date('short') }}", "de", BERLIN, "15.11.26"),
    ("{{ day|date('long') }}", "fr", BERLIN, "15 novembre 2026"),
    ("{{ day|date('full') }}", "de", BERLIN, "Sonntag, 15. November 2026"),
    ("{{ day|day }}", "en", BERLIN, "Sun, Nov 15"),
    ("{{ day|day }}", "de", BERLIN, "So., 15. Nov."),
    ("{{ moment|time }}", "en", BERLIN, "6:30\u202fPM"),
    ("{{ moment|time }}", "en-GB", BERLIN, "18:30"),
    ("{{ moment|time }}", "de", BERLIN, "18:30"),
    ("{{ moment|time }}", "de", KOLKATA, "23:00"),
    ("{{ moment|day }} {{ moment|time }}", "de", TOKYO, "Mo., 16. Nov. 02:30"),
    ("{{ moment|date }}", "de", NEW_YORK, "15.11.2026"),
    ("{{ naive|time }}", "de", NEW_YORK, "17:30"),
    # the nights when the clock changes: 25 October and 29 March 2026 in Berlin, 1 November in New York
    ("{{ '2026-10-25T00:30:00+00:00'|time }}", "de", BERLIN, "02:30"),
    ("{{ '2026-10-25T01:30:00+00:00'|time }}", "de", BERLIN, "02:30"),
    ("{{ '2026-10-25T02:30:00+00:00'|time }}", "de", BERLIN, "03:30"),
    ("{{ '2026-03-29T00:59:00+00:00'|time }}", "de", BERLIN, "01:59"),
    ("{{ '2026-03-29T01:00:00+00:00'|time }}", "de", BERLIN, "03:00"),
    ("{{ '2026-11-01T05:30:00+00:00'|time }} {{ '2026-11-01T06:30:00Z'|time }}", "de", NEW_YORK, "01:30 01:30"),
    ("{{ '2028-02-29'|date }}", "de", BERLIN, "29.02.2028"),
    ("{{ '9999-12-31'|date }}", "de", BERLIN, "31.12.9999"),
]


@pytest.mark.parametrize(("source", "locale", "zone", "text"), WORDS, ids=[f"{case[0]} {case[1]}" for case in WORDS])
def test_amounts_and_times_speak_the_recipients_language_and_clock(
    source: str, locale: str, zone: ZoneInfo, text: str
) -> None:
    assert compile_text(source).render(DATA, Voice(locale=locale, zone=zone)) == text


FAULTS = [
    ("{{ nothing }}", "The field nothing is empty or missing."),
    ("{{ empty }}", "The field empty is empty or missing."),
    ("{{ customer.phone }}", "The field customer.phone is empty or missing."),
    ("{{ customer.name }} {{ company.name }}", "The field company.name is empty or missing."),
    ("{{ nowhere.at.all }}", "The field nowhere.at.all is empty or missing."),
    ("{{ name.first }}", "The field name.first is empty or missing."),
    ("{{ name.__class__ }}", "The field name.__class__ is empty or missing."),
    ("{{ items[9].title }}", "is empty or missing"),
    ("{{ nothing|upper }}", "The field nothing is empty or missing."),
    ("{{ 'https://a.example'|short }}", "No short links here"),
    ("{{ nothing|short }}", "The field nothing is empty or missing."),
    ("{{ customer }}", "A list or group of fields cannot be printed; name one field of it."),
    ("{% for a in nothing %}{{ a }}{% endfor %}", "The field nothing is empty or missing."),
]


@pytest.mark.parametrize(("source", "said"), FAULTS, ids=[case[0] for case in FAULTS])
def test_what_is_not_there_is_named(source: str, said: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        compile_text(source).render(DATA)

    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("{{ a.b }}{{ c|money(d) }}", {"a.b", "c", "d"}),
        ("{{ a['b'].c }}", {"a.b.c"}),
        ("{% for x in items %}{{ x.y }}{{ loop.index }}{{ z }}{% endfor %}", {"items", "z"}),
        ("{% if e is defined %}{{ e or f }}{% endif %}", {"e", "f"}),
        ("{{ items[0].title }}", {"items"}),
        ("plain", set()),
    ],
)
def test_a_text_knows_the_fields_it_reads(source: str, fields: set[str]) -> None:
    assert compile_text(source).fields == fields


def test_every_filter_is_documented_and_tried() -> None:
    tried = " ".join([*(case[0] for case in SAYS), *(case[0] for case in WORDS)])

    assert FILTERS.keys() == ENVIRONMENT.filters.keys()
    assert [name for name in FILTERS if f"|{name}" not in tried] == []


@pytest.mark.parametrize(
    ("value", "locale"),
    [("de-DE", "de-DE"), ("de_AT", "de-AT"), ("DE", "de"), ("en-GB", "en-GB"), ("zh-Hant-TW", "zh-Hant-TW"),
     ("xx", "?"), ("", "?"), (None, "?"), (5, "?"), ("german", "?"), ("../../etc", "?"), ("e" * 10_000, "?")],
)  # fmt: skip
def test_whatever_a_source_calls_a_locale_is_read_or_replaced(value: Any, locale: str) -> None:
    assert locale_of(value, "?") == locale
