"""Reading foreign data: one table per function, each row something a real sender has put there."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from model.reasons import Reason, Refused
from wire import reading

BERLIN = ZoneInfo("Europe/Berlin")
TREE = {"a": {"b": [{"c": "deep"}, "second"]}, "": {"x": 1}, "n": None, "text": "abc", "2": "two"}


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a": 1}', {"a": 1}),
        (b'\xef\xbb\xbf{"a": "\xc3\xa9"}', {"a": "é"}),
        (b"[]", []),
        (b"null", None),
        (b'"\\ud83c\\udf89"', "🎉"),
        (b'{"cut": "party \\ud83c", "\\uDF89": ["\\ud800"]}', {"cut": "party ?", "?": ["?"]}),
        (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
        (b"[" + b"[]," * 500 + b"[]]", [[]] * 501),
        (b"149.90", 149.9),
    ],
)
def test_json_is_read_as_senders_mean_it(body: bytes, value: Any) -> None:
    assert reading.json_body(body) == value


@pytest.mark.parametrize(
    "body",
    [
        b"", b" ", b"{", b"{}{}", b"{'a': 1}", b'{"a": 1,}', b"NaN", b'{"a": NaN}', b"[Infinity]", b"[-Infinity]",
        b"[1e400]", b"[-1e400]", b'{"a": 1, "a": 2}', b'{"x": {"a": 1, "a": 1}}', b"[" * 66 + b"]" * 66,
        b"[" * 100_000, b'{"a":' * 100_000, b"[" * 5000 + b"]" * 5000, b"\xff\xfe{\x00}\x00", b'{"a": "\xff"}',
        b"9" * 5000, b'{"a": "\n"}', b"\x00", b"a=b", b"<a/>", b"\xef\xbb\xbf",
    ],
)  # fmt: skip
def test_what_is_not_the_json_it_should_be_is_bad_shape(body: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        reading.json_body(body)

    assert refusal.value.reason is Reason.BAD_SHAPE


@pytest.mark.parametrize("body", [b"[]", b"null", b'"text"', b"1", b"true"])
def test_an_object_is_asked_for_by_name(body: bytes) -> None:
    with pytest.raises(Refused, match="Expected a JSON object"):
        reading.json_object(body)


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a=1&b=two+words&c=%2B44", {"a": "1", "b": "two words", "c": "+44"}),
        (b"a=1&a=2", {"a": "1"}),
        (b"a=&b", {"a": "", "b": ""}),
        (b"", {}),
        (b"a=%ff", {"a": "\ufffd"}),
        (b"a[b]=%C3%A9", {"a[b]": "é"}),
    ],
)
def test_forms_are_read(body: bytes, fields: dict[str, str]) -> None:
    assert reading.form(body) == fields


@pytest.mark.parametrize("body", [b"\xff=1", b"a=b&" * 2000])
def test_a_form_that_is_none_is_bad_shape(body: bytes) -> None:
    with pytest.raises(Refused) as refusal:
        reading.form(body)

    assert refusal.value.reason is Reason.BAD_SHAPE


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("a.b.0.c", "deep"), ("a.b.1", "second"), ("a.b.2", None), ("a.b.-1", None), ("a.b.x", None), ("n.x", None),
        ("text.0", None), ("", {"x": 1}), (".x", 1), ("a..b", None), ("2", "two"), ("a.b.999999999", None),
        ("a.b.٠.c", "deep"), ("a.b.²", None),
    ],
)  # fmt: skip
def test_a_dotted_path_ends_in_a_value_or_in_nothing(path: str, value: Any) -> None:
    assert reading.dig(TREE, path) == value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("abc", "abc"), ("  abc \n", "abc"), (7, "7"), (7.5, "7.5"), (Decimal("1.50"), "1.50"), (0, "0"), (True, ""),
        (None, ""), ([], ""), ({}, ""), (b"abc", ""),
        pytest.param(10**5000, "", id="5000 digits"), ("a\x00b\x1bc\x7fd\x85e", "abcde"),
        ("two\nlines\tand", "two\nlines\tand"), ("\ud800x\udcff", "x"), ("x" * 5000, "x" * 2000), ("Zoë 🎉", "Zoë 🎉"),
        ("क्\u200dष", "क्\u200dष"), ("\u00a0x\u2003", "x"),
    ],
)  # fmt: skip
def test_a_text_is_clean_and_short_or_empty(value: Any, text: str) -> None:
    assert reading.text(value) == text
    assert reading.text({"a": value}, "a") == text


def test_the_first_text_that_is_there_counts() -> None:
    assert reading.first_text({"a": "", "b": None, "c": " ", "d": 5, "e": "late"}, "a", "b", "c", "d", "e") == "5"
    assert reading.first_text({}, "a", "b") == ""


def test_a_missing_id_is_named_in_the_refusal() -> None:
    assert reading.required({"id": 12}, "uid", "id") == "12"
    with pytest.raises(Refused, match="Field uid or id is missing"):
        reading.required({"id": []}, "uid", "id")


@pytest.mark.parametrize(
    ("value", "is_true"),
    [
        (True, True), ("true", True), (" TRUE ", True), ("1", True), ("yes", True), (1, True),
        (False, False), ("false", False), ("0", False), ("no", False), ("", False), (0, False), (2, False),
        (None, False), ([True], False), ({}, False), ("on", False), (1.0, False),
    ],
)  # fmt: skip
def test_truth_is_read_from_texts_too(value: Any, is_true: bool) -> None:
    assert reading.flag(value) is is_true
    assert reading.flag({"a": value}, "a") is is_true


def test_a_list_is_a_list_or_empty() -> None:
    assert reading.items({"a": [1]}, "a") == [1]
    assert reading.items([1]) == [1]
    for value in (None, "ab", {"0": 1}, 5, (1, 2)):
        assert reading.items({"a": value}, "a") == []


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("149.90", "149.90"), (149.9, "149.9"), (20, "20"), (" 5 ", "5"), ("-3.10", "-3.10"), ("+2", "2"),
        ("1e3", "1000"),        (1e-7, "0.0000001"), (".5", "0.5"), ("5.", "5"), (0, "0"), (Decimal("0.10"), "0.10"),
        ("", None), ("abc", None), ("1,50", None), ("1 000", None), ("1_000", None), ("€5", None), ("NaN", None),
        ("sNaN", None), ("Infinity", None), (float("nan"), None), (float("inf"), None), ("1E-999999", None),
        ("0E+999999", None), ("1e99", None), (10**15, None),
        pytest.param(10**5000, None, id="5000 digits"), (True, None), (None, None), ([], None),
        ({}, None), ("١٢", None), ("0x10", None), ("1" * 5000, None), ("0." + "1" * 5000, None), ("\udcff", None),
    ],
)  # fmt: skip
def test_an_amount_is_exact_or_none(value: Any, written: str | None) -> None:
    assert reading.amount(value) == written
    assert (reading.decimal(value) is None) is (written is None)


@pytest.mark.parametrize(
    ("value", "currency", "written"),
    [
        (1999, "EUR", "19.99"), ("1999", "eur", "19.99"), (1999, "JPY", "1999"), (1999, "KWD", "1.999"),
        (5, "USD", "0.05"), (0, "EUR", "0.00"), (-250, "GBP", "-2.50"), ("1999.0", "EUR", "19.99"),
        (1999.0, "EUR", "19.99"),
        (100, "", "1.00"), (100, "???", "1.00"), ("1e3", "EUR", "10.00"), (19.99, "EUR", None), ("x", "EUR", None),
        (None, "EUR", None), (True, "EUR", None), (float("nan"), "EUR", None), ("", "JPY", None),
    ],
)  # fmt: skip
def test_minor_units_become_major_ones(value: Any, currency: str, written: str | None) -> None:
    assert reading.minor_amount(value, currency) == written


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2026-11-23T09:00:00Z", utc("2026-11-23T09:00:00")),
        ("2026-11-23T09:00:00.123456789Z", utc("2026-11-23T09:00:00.123456")),
        ("2026-11-23T09:00:00.1+01:00", utc("2026-11-23T08:00:00.1")),
        ("2026-11-23T09:00:00.000+0000", utc("2026-11-23T09:00:00")),
        ("2026-11-23 09:00:00-05:30", utc("2026-11-23T14:30:00")),
        (" 20261123T090000Z ", utc("2026-11-23T09:00:00")),
        (1700000000, utc("2023-11-14T22:13:20")),
        (1700000000.25, utc("2023-11-14T22:13:20.250000")),
        ("1700000000", utc("2023-11-14T22:13:20")),
        (0, utc("1970-01-01T00:00:00")),
        (-1, utc("1969-12-31T23:59:59")),
    ],
)
def test_times_with_a_zone_become_utc(value: Any, found: datetime) -> None:
    assert reading.moment(value) == found
    assert reading.moment(value, zone=BERLIN) == found


@pytest.mark.parametrize(
    ("value", "in_berlin"),
    [
        ("2026-11-23T09:00:00", utc("2026-11-23T08:00:00")),
        ("2026-07-01 09:00", utc("2026-07-01T07:00:00")),
        ("2026-11-23", utc("2026-11-22T23:00:00")),
        ("20261123", utc("2026-11-22T23:00:00")),
    ],
)
def test_a_time_without_a_zone_is_read_in_the_stated_one_and_never_guessed(value: str, in_berlin: datetime) -> None:
    assert reading.moment(value) is None
    assert reading.moment(value, zone=BERLIN) == in_berlin


@pytest.mark.parametrize("value", [1700000000123, 1700000000123.0, "1700000000123"])
def test_milliseconds_are_read_as_such_only_where_the_connector_says_so(value: Any) -> None:
    assert reading.moment(value, milliseconds=True) == utc("2023-11-14T22:13:20.123000")
    assert reading.moment(value) is None


@pytest.mark.parametrize(
    "value",
    [
        None, True, False, "", " ", "soon", "2026-13-45T00:00:00Z", "2026-02-30T00:00:00Z", "25:00", "9" * 5000, 10**30,
        -(10**30), float("nan"), float("inf"), float("-inf"), [], {}, b"2026-11-23T09:00:00Z", "\udcff", "\x00",
        "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00", "0000-00-00T00:00:00Z", "2026-11-23T09:00:00Z" * 3,
        "20261123090000", "NaN", "-1e5", "²",
    ],
)  # fmt: skip
def test_what_is_no_time_is_none(value: Any) -> None:
    for zone in (None, BERLIN, timezone(timedelta(hours=14))):
        assert reading.moment(value, zone=zone) is None


def test_times_are_written_in_utc() -> None:
    assert reading.iso(datetime(2026, 11, 23, 9, 0, tzinfo=BERLIN)) == "2026-11-23T08:00:00Z"
    assert reading.iso(datetime(2026, 11, 23, 9, 0, 0, 5000, tzinfo=UTC)) == "2026-11-23T09:00:00.005000Z"
    assert reading.iso(None) is None


@pytest.mark.parametrize(
    ("value", "name"),
    [
        ({}, "an object"), ([], "a list"), ("", "a text"), (True, "a truth value"), (None, "nothing"), (1, "a number"),
        (1.5, "a number"),
    ],
)  # fmt: skip
def test_kinds_have_names_for_people(value: Any, name: str) -> None:
    assert reading.kind(value) == name


def test_clean_reaches_every_text_and_leaves_the_rest() -> None:
    dirty = {"a\x00": ["x\x1b", {"b": "\ud800y"}, 1, 1.5, None, True], "c": "z" * 5000}

    assert reading.clean(dirty) == {"a": ["x", {"b": "y"}, 1, 1.5, None, True], "c": "z" * 2000}
