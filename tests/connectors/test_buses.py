"""The buses: what their settings may say, and doors that are closed. tests/peers/test_buses.py asks real servers."""

from __future__ import annotations

import threading
from typing import Any

import pytest

import connectors
from connectors.amqp import Amqp
from connectors.base import AskFailed, Unavailable
from connectors.kafka import Kafka
from connectors.kit.bus import headers_of
from connectors.nats import Nats
from model.event import Incoming
from tests.fakes.service import free_port

AT: dict[str, dict[str, Any]] = {
    "amqp": {"url": "amqp://guest:not-a-real-pw@127.0.0.1:{port}/", "queue": "orders"},
    "nats": {"url": "nats://tidings:not-a-real-pw@127.0.0.1:{port}", "stream": "ORDERS"},
    "kafka": {"servers": "127.0.0.1:{port}", "topics": ["orders"]},
}


def nowhere(name: str) -> Any:
    port = free_port()
    given = {key: one.format(port=port) if isinstance(one, str) else one for key, one in AT[name].items()}
    return connectors.load(name)(given)


@pytest.mark.parametrize("name", AT)
def test_a_bus_that_is_not_there_is_said_without_the_password(name: str) -> None:
    pytest.importorskip(connectors.load(name).library, reason=f"install the extra: pip install -e .[{name}]")

    with pytest.raises(AskFailed) as failed:
        nowhere(name).consume(lambda body, headers: None, threading.Event())

    assert str(failed.value).startswith({"amqp": "AMQP: ", "nats": "NATS: ", "kafka": "Kafka: "}[name])
    assert "not-a-real-pw" not in str(failed.value)


@pytest.mark.parametrize(
    ("kind", "settings", "sentence"),
    [
        (Amqp, {"url": "amqp://mq.example"}, "queue is missing"),
        (Amqp, {"url": "amqp://mq.example", "queue": "q", "prefetch": "5"}, "prefetch: expected a number"),
        (Nats, {"url": "nats://mq.example"}, "stream is missing"),
        (Kafka, {"servers": "kafka.example"}, "topics is missing"),
        (Kafka, {"servers": "kafka.example", "topics": "orders"}, "topics: expected"),
        (Kafka, {"servers": "x", "topics": ["orders"], "format": "avro"}, "format: .avro. is not one of events"),
        (Kafka, {"servers": "x", "topics": ["orders"], "format": "debezium"}, "key: format = debezium needs"),
    ],
)  # fmt: skip
def test_a_bad_setting_is_named_in_a_sentence(kind: Any, settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=f"^Setting {sentence}"):
        kind(settings)


def test_cloudevents_are_recognised_by_the_prefix_of_each_bus() -> None:
    for prefix in ("cloudEvents:", "cloudEvents_", "ce_", "ce-"):
        pairs = {"specversion": "1.0", "id": "7", "source": "/shop", "type": "order.paid"}
        headers = headers_of({f"{prefix}{name}": value.encode() for name, value in pairs.items()}, "application/json")
        source = Amqp({"url": "amqp://mq.example", "queue": "q"})

        (event,) = source.parse(Incoming(source="mq", headers=headers, body=b'{"id": "A7"}'))

        assert (event.id, event.type, event.data) == ("%2Fshop/7", "order.paid", {"id": "A7"})


def test_a_missing_library_is_named_with_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Kafka, "library", "a_library_that_is_not_there")

    assert connectors.unavailable("kafka") == Unavailable(
        name="kafka", install="pip install 'tidings[kafka]'", title="Kafka topics"
    )
    assert connectors.unavailable("generic") is None
