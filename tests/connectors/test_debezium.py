"""Debezium: what its settings may say, and how a row's story is told whichever way its changes come."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.debezium import Debezium
from connectors.kafka import Kafka
from model.event import Incoming
from model.reasons import Refused

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
PLAIN = {"key": "id", "status": "state", "new": "order.created", "types": {"sent": "order.fulfilled", "*": "ignore"}}


def change(op: str, before: Any, after: Any) -> bytes:
    return json.dumps({"op": op, "before": before, "after": after, "source": {"table": "orders"}}).encode()


def told(body: bytes, **settings: Any) -> list[str]:
    incoming = Incoming(source="db", body=body, received_at=NOW)
    posted = [event.id for event in Debezium({**PLAIN, **settings}).parse(incoming)]
    over_kafka = Kafka({"servers": "kafka.example", "topics": ["t"], "format": "debezium", **PLAIN, **settings})
    assert [event.id for event in over_kafka.parse(incoming)] == posted
    return posted


OPEN, SENT = {"id": 7, "state": "open"}, {"id": 7, "state": "sent"}


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (change("c", None, OPEN), ["7/new"]),
        (change("c", None, SENT), ["7/new", "7/status/sent"]),
        (change("u", OPEN, SENT), ["7/status/sent"]),
        (change("u", SENT, {**SENT, "note": "x"}), []),
        (change("u", SENT, OPEN), []),
        (change("r", None, SENT), []),
        (change("d", SENT, None), []),
        (b"", []),
        (b"null", []),
    ],
)
def test_a_change_of_the_status_is_told_and_an_edit_is_not(body: bytes, ids: list[str]) -> None:
    assert told(body) == ids


def test_a_deletion_is_told_where_the_settings_say_as_what() -> None:
    assert told(change("d", OPEN, None), deleted="order.cancelled") == ["7/deleted"]
    assert told(change("d", OPEN, None), deleted="order.cancelled", status="", new="") == ["7/deleted"]


def test_new_rows_alone_need_no_word_about_what_was_before() -> None:
    assert told(change("u", None, SENT), status="") == []
    assert told(change("c", None, SENT), status="") == ["7/new"]


def test_a_field_that_differs_lets_a_status_be_told_again() -> None:
    body = change("u", OPEN, {**SENT, "at": "10:15"})

    assert told(body, id=["id", "at"]) == ["7/10%3A15/status/sent"]


@pytest.mark.parametrize("op", ["u", "d"])
def test_what_does_not_say_what_was_before_is_refused_with_the_cure(op: str) -> None:
    with pytest.raises(Refused, match="replica identity to full"):
        told(change(op, None, SENT if op == "u" else None), deleted="order.cancelled")


def test_a_secret_in_the_address_may_stand_for_the_signature() -> None:
    source = Debezium({**PLAIN, "verify": "query"})
    incoming = Incoming(source="db", query={"token": "not-a-real-token"}, body=b"{}", received_at=NOW)

    source.verify(incoming, ["not-a-real-token"], NOW)
    with pytest.raises(Refused):
        source.verify(incoming, ["another"], NOW)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"key": None}, "key is missing"),
        ({"verify": "none"}, "verify: 'none' is not one of standard_webhooks, query"),
        ({"deleted": "order.gone"}, "deleted: 'order.gone' is not an event type"),
        ({"status": "", "new": ""}, "status: name the field whose change is told"),
        ({"tables": "orders"}, "tables: expected"),
    ],
)
def test_a_bad_setting_is_named_in_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^Setting {re.escape(sentence)}"):
        Debezium({**PLAIN, **settings})
