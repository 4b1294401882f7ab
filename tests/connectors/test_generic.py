"""The generic source: what its settings may say, and what CloudEvents and Standard Webhooks senders expect."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.generic import Generic
from inbound import samples
from model.event import EVENT_TYPES, Event, Incoming
from model.reasons import Reason, Refused

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OPEN = {"verify": "none"}
TIMED = {"verify": "hmac", "header": "x-s", "signed": "{timestamp}.{body}", "timestamp_header": "x-t"}


def events(body: Any, settings: Mapping[str, Any] = OPEN, **headers: Any) -> list[Event]:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Generic(settings).parse(Incoming(source="own", headers=named, body=raw, received_at=NOW))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, "verify is missing. How requests prove"),
        ({"verify": "magic"}, "verify: 'magic' is not one of standard_webhooks, hmac"),
        ({"verify": 5}, "verify: expected a text, found a number"),
        ({"verify": "hmac"}, "header: verify = hmac needs it"),
        ({"verify": "header"}, "header: verify = header needs it"),
        ({"verify": "query", "query": ""}, "query: verify = query needs it"),
        ({"verify": "hmac", "header": "x", "digest": "md5"}, "digest: 'md5' is not one of sha1, sha256, sha512"),
        ({"verify": "hmac", "header": "x", "encoding": "base32"}, "encoding: 'base32'"),
        ({"verify": "hmac", "header": "x", "key_form": "rsa"}, "key_form: 'rsa'"),
        ({"verify": "hmac", "header": "x", "signed": "{url}"}, "signed: {body} is missing"),
        ({"verify": "hmac", "header": "x", "signed": "{nonce}{body}"}, "signed: {nonce} is not one of"),
        ({"verify": "hmac", "header": "x", "signed": "{}{body}"}, "signed: {} is not one of"),
        ({"verify": "hmac", "header": "x", "signed": "{id}{body}"}, "id_header: "),
        ({"verify": "hmac", "header": "x", "id_header": "x-id"}, "id_header: "),
        ({"verify": "hmac", "header": "x", "signed": "{timestamp}{body}"}, "timestamp_header: "),
        ({"verify": "hmac", "header": "x", "timestamp_header": "x-t"}, "timestamp_header: "),
        ({**TIMED, "timestamp_header": "", "timestamp_prefix": "t="}, "separator: timestamp_prefix needs"),
        ({**TIMED, "tolerance": "soon"}, "tolerance: 'soon' is not a time"),
        ({**TIMED, "tolerance": 0}, "tolerance: 0 is not a time"),
        ({**TIMED, "tolerance": True}, "tolerance: True is not a time"),
        ({**TIMED, "milliseconds": "yes"}, "milliseconds: expected true or false, found a text"),
        ({**OPEN, "id": 5}, "id: expected a text, found a number"),
        ({**OPEN, "id": []}, "id: the list must hold paths"),
        ({**OPEN, "id": ["a", 1]}, "id: the list must hold paths"),
        ({**OPEN, "time_zone": "Berlin"}, "time_zone: 'Berlin' is not a zone"),
        ({**OPEN, "time_zone": "../etc/passwd"}, "time_zone: '../etc/passwd' is not a zone"),
        ({**OPEN, "types": ["a"]}, "types: expected a table, found a list"),
        ({**OPEN, "types": {"neu": "order.new"}}, "types.neu: 'order.new' is not an event type"),
        ({**OPEN, "types": {"neu": "custom.ä"}}, "types.neu: 'custom.ä' is not an event type"),
        ({**OPEN, "types": {"neu": None}}, "types.neu: None is not an event type"),
        ({**OPEN, "fields": {"phone": 7}}, "fields.phone: expected the path"),
        ({**OPEN, "fields": {"a..b": "x"}}, "fields.a..b: a name is made of words"),
        ({**OPEN, "fields": {"a": "x", "a.b": "y"}}, "fields.a: it cannot be a value and hold a.b too"),
    ],
)
def test_a_bad_setting_is_named_in_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^Setting {re.escape(sentence)}"):
        Generic(settings)


@pytest.mark.parametrize(
    ("settings", "secret"),
    [
        ({"verify": "standard_webhooks"}, "whsec_" + base64.b64encode(b"k" * 32).decode()),
        ({"verify": "hmac", "header": "X-S"}, "secret"),
        ({"verify": "hmac", "header": "X-S", "digest": "sha1", "encoding": "base64", "prefix": "sha1="}, "secret"),
        ({"verify": "hmac", "header": "X-S", "digest": "sha512", "key_form": "hex"}, "00ff"),
        ({"verify": "hmac", "header": "X-S", "signed": "{method} {url}\n{body}"}, "secret"),
        ({"verify": "hmac", "header": "X-S", "signed": "{id}:{body}", "id_header": "webhook-id"}, "secret"),
        ({**TIMED, "milliseconds": True, "tolerance": "1h"}, "secret"),
        ({"verify": "bearer"}, "secret"),
        ({"verify": "basic"}, "user:secret"),
        ({"verify": "header", "header": "X-Key"}, "secret"),
        ({"verify": "query", "query": "key"}, "secret"),
    ],
)
def test_each_proof_takes_its_own_and_refuses_another(settings: dict[str, Any], secret: str) -> None:
    source = Generic(settings)
    bare = Incoming(source="own", url="https://t.example/hooks/own", headers={"webhook-id": "m1"}, body=b'{"a": 1}')
    signed = source.sign(bare, secret, NOW)

    assert source.needs_secret
    source.verify(signed, [secret], NOW)
    for incoming, secrets in ((bare, [secret]), (signed, []), (signed, [""]), (signed, ["whsec_b3RoZXI="])):
        with pytest.raises(Refused) as refusal:
            source.verify(incoming, secrets, NOW)
        assert refusal.value.reason.status == 401
    if settings["verify"] in {"hmac", "standard_webhooks"}:
        with pytest.raises(Refused):
            source.verify(replace(signed, body=b'{"a": 2}'), [secret], NOW)


def test_without_a_proof_nothing_is_asked_and_that_has_to_be_written_out() -> None:
    source = Generic(OPEN)

    assert not source.needs_secret
    source.verify(Incoming(source="own"), [], NOW)


def test_one_bad_entry_does_not_cost_the_others_and_only_bad_ones_are_refused() -> None:
    good = {"id": "1", "type": "order.created", "data": {"phone": "+1 202-555-0100"}}

    assert [event.id for event in events([{"id": "0"}, None, 5, good, {}, []])] == ["1"]
    assert events([]) == []
    rows: tuple[Any, ...] = ([{}], [None], [5, "x"], [[]], [{"id": "0"}], {"type": "order.created"}, {}, 5, None)
    for bad in rows:
        with pytest.raises(Refused) as refusal:
            events(bad)
        assert refusal.value.reason is Reason.BAD_SHAPE


def test_types_pass_through_are_mapped_become_custom_or_are_ignored() -> None:
    table = {**OPEN, "types": {"neu": "order.created", "ping": "ignore", "custom.x": "ticket.created"}}

    def types(native: str) -> list[str]:
        return [event.type for event in events({"id": 1, "type": native}, table)]

    assert types("order.paid") == ["order.paid"]
    assert types("neu") == ["order.created"]
    assert types("ping") == []
    assert types("custom.x") == ["ticket.created"]
    assert types("custom.y") == ["custom.y"]
    assert types("Order Shipped!") == ["custom.Order_Shipped"]
    assert types("x" * 5000) == ["custom." + "x" * 100]
    for junk in ("", "custom.", "!!!", "...", "\x00"):
        with pytest.raises(Refused):
            types(junk)


def test_a_list_of_paths_names_an_event_without_two_of_them_colliding() -> None:
    settings = {**OPEN, "id": ["order", "state"], "types": {"*": "order.updated"}}

    assert events({"order": "a/b", "state": "c"}, settings)[0].id == "a%2Fb/c"
    assert events({"order": "a", "state": "b/c"}, settings)[0].id == "a/b%2Fc"
    with pytest.raises(Refused, match="Field state is missing"):
        events({"order": "a"}, settings)


def test_the_webhook_id_names_the_event_only_where_it_is_signed() -> None:
    body = {"id": "mine", "type": "order.paid"}

    assert events(body, {"verify": "standard_webhooks"}, webhook_id="msg_1")[0].id == "msg_1"
    assert events(body, {"verify": "hmac", "header": "x"}, webhook_id="msg_1")[0].id == "mine"
    batch = events([body, body], {"verify": "standard_webhooks"}, webhook_id="msg_1")
    assert [event.id for event in batch] == ["msg_1/0", "msg_1/1"]


@pytest.mark.parametrize(
    ("value", "settings", "seen"),
    [
        ("2026-11-23T08:30:00Z", {}, datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        (1795422600, {}, datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        (1795422600000, {}, datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("1795422600000", {}, datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("2026-11-23 09:30:00", {"time_zone": "Europe/Berlin"}, datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ("2026-11-23 09:30:00", {}, NOW),
        ("soon", {}, NOW),
        (None, {}, NOW),
        (10**30, {}, NOW),
        ("20261123093000", {"time_zone": "Europe/Berlin"}, NOW),
    ],
)
def test_the_time_is_the_senders_or_the_moment_of_arrival(value: Any, settings: dict[str, Any], seen: datetime) -> None:
    body = {"id": 1, "type": "order.paid", "when": value}

    assert events(body, {**OPEN, "time": "when", **settings})[0].occurred_at == seen


@pytest.mark.parametrize(
    ("path", "body", "is_test"),
    [
        ("", {"test": True}, False), ("test", {"test": True}, True), ("test", {"test": "false"}, False),
        ("test", {}, False), ("!live", {"live": True}, False), ("!live", {"live": False}, True), ("!live", {}, True),
    ],
)  # fmt: skip
def test_the_test_mark_is_read_both_ways_round(path: str, body: dict[str, Any], is_test: bool) -> None:
    assert events({"id": 1, "type": "order.paid", **body}, {**OPEN, "test": path})[0].test is is_test


def test_without_a_data_object_the_whole_event_is_carried_along() -> None:
    assert events({"id": 1, "type": "order.paid", "phone": "x\x00"})[0].data["phone"] == "x"
    assert events({"id": 1, "type": "order.paid", "data": [1]})[0].data["id"] == 1


def test_mapped_fields_keep_their_kind_and_missing_ones_are_none() -> None:
    settings = {**OPEN, "fields": {"customer.phone": "p.0", "lines": "l", "gone": "x.y"}}

    data = events({"id": 1, "type": "order.paid", "p": ["+1 202-555-0100"], "l": [{"a": 1}]}, settings)[0].data

    assert data == {"customer": {"phone": "+1 202-555-0100"}, "lines": [{"a": 1}], "gone": None}


def test_cloud_events_are_one_whatever_form_they_come_in() -> None:
    attributes = {"specversion": "1.0", "id": "7 é", "source": "/a b", "type": "order.paid", "subject": "A7"}
    data = {"phone": "+44 7700 900100"}
    packed = base64.b64encode(json.dumps(data).encode()).decode()
    binary: dict[str, Any] = {
        "ce_specversion": "1.0",
        "ce_id": "7%20%C3%A9",
        "ce_source": "/a b",
        "ce_type": "order.paid",
    }

    seen = [
        *events({**attributes, "data": data}),
        *events([{**attributes, "data": data}]),
        *events({**attributes, "data_base64": packed}),
        *events(data, ce_subject="A7", content_type="application/json", **binary),
        *events(
            b"phone=%2B44+7700+900100", ce_subject="A7", content_type="application/x-www-form-urlencoded", **binary
        ),
    ]

    assert {(event.id, event.key, event.type) for event in seen} == {("%2Fa%20b/7%20%C3%A9", "A7", "order.paid")}
    assert [dict(event.data) for event in seen] == [data] * 5


def test_a_cloud_event_without_data_carries_its_attributes() -> None:
    headers: dict[str, Any] = {
        "ce_specversion": "1.0",
        "ce_id": "1",
        "ce_source": "s",
        "ce_type": "order.paid",
        "ce_phone": "x",
    }

    assert events(b"", **headers)[0].data["phone"] == "x"
    broken = {"specversion": "1.0", "id": "1", "source": "s", "type": "order.paid", "data_base64": "!"}
    assert events(broken)[0].data["source"] == "s"


def shake(method: str = "OPTIONS", **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Generic(OPEN).handshake(Incoming(source="own", method=method, headers=named), [])


def test_a_cloud_events_sender_may_ask_whether_it_may_post() -> None:
    answer = shake(webhook_request_origin="eventemitter.example.com", webhook_request_rate="120")

    assert answer.status == 200
    assert answer.headers == {
        "Allow": "POST",
        "WebHook-Allowed-Origin": "eventemitter.example.com",
        "WebHook-Allowed-Rate": "*",
    }


def test_nothing_else_is_a_handshake() -> None:
    assert shake() is None
    assert shake("POST", webhook_request_origin="a.example") is None
    for origin in ("a\r\nSet-Cookie: x", "a b", "é", "\udcff", "x" * 300, ""):
        assert shake(webhook_request_origin=origin) is None


def test_every_normalised_type_can_come_in_this_way() -> None:
    seen = {event.type for sample in samples.every() if sample.connector == "generic" and "refused" not in sample.expect
            for event in sample.events()}  # fmt: skip

    assert set(EVENT_TYPES) <= seen
