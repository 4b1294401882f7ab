"""Apache Kafka: the messages of topics, read by a consumer group.

Facts: kafka.apache.org (consumer configuration), docs.confluent.io (confluent-kafka-python 2.x, librdkafka) and the
CloudEvents Kafka binding 1.0.2, read 2026-11; run against librdkafka's mock cluster. confluent-kafka and not
kafka-python: it is kept by a vendor of the broker, and librdkafka handles rebalances, TLS and SASL in its own threads.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from threading import Event as Stop
from typing import Any, ClassVar

from connectors.base import Accept, AskFailed, Option
from connectors.kit import bus
from connectors.kit.bus import Bus

SECONDS = 10.0
QUIET = logging.getLogger("confluent_kafka")
QUIET.setLevel(logging.CRITICAL)  # what the library would print on its own is said by what fails
OPTIONS = {
    "servers": Option(text="Brokers to begin with, such as kafka1.example:9092,kafka2.example:9092.", required=True),
    "topics": Option(text="List of topics to read; they have to be there.", required=True),
    "group": Option(text="Name of our consumer group.", default="tidings"),
    "config": Option(
        text="Table of further settings of librdkafka, such as security.protocol and sasl.password (env:NAME).",
        default={},
        secret=True,
    ),
    **bus.OPTIONS,
}


class Kafka(Bus):
    """Messages of topics."""

    name = "kafka"
    title = "Kafka topics"
    docs_url = "https://docs.confluent.io/platform/current/clients/confluent-kafka-python/html/index.html"
    library = "confluent_kafka"
    extra = "kafka"
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    kinds: ClassVar[Mapping[str, Any]] = {"topics": list | tuple, "config": dict}
    setup: ClassVar[Sequence[str]] = (
        "Install the extra `kafka`. Make a user who may read the topics and commit offsets for the group.",
        "Set `servers`, `topics`, `group` and what the cluster wants in `config`, and `id`, `type` and `fields`.",
        "For Debezium's topics set `format = \"debezium\"`, `key` and `status`.",
    )  # fmt: skip
    limits: ClassVar[Sequence[str]] = (
        bus.POISON,
        bus.AGAIN,
        "A new group begins with what comes from then on; what the topics held before is not told.",
        "Values are JSON; Avro and Protobuf of a schema registry are not read.",
    )

    def consume(self, accept: Accept, stop: Stop) -> None:
        """Hand over messages; the offset of each is committed once it is stored."""
        from confluent_kafka import Consumer, KafkaError, KafkaException  # noqa: PLC0415 - an extra

        lost: list[str] = []

        def failed(error: Any) -> None:
            if error.code() == KafkaError._ALL_BROKERS_DOWN or error.fatal():
                lost.append(error.str())

        try:
            consumer = Consumer({**self._wanted(), "error_cb": failed})
            try:
                consumer.subscribe(list(self.settings["topics"]), on_assign=_begin)
                while not stop.is_set():
                    self._next(consumer, accept)
                    if lost:
                        raise AskFailed(f"Kafka: {lost[0][:200]}")
            finally:
                consumer.close()
        except KafkaException as error:
            raise AskFailed(f"Kafka: {error.args[0].str()[:200]}") from None

    def _wanted(self) -> dict[str, Any]:
        return {
            **self.settings["config"],
            "bootstrap.servers": self.settings["servers"],
            "group.id": self.settings["group"],
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            "logger": QUIET,
        }

    def _next(self, consumer: Any, accept: Accept) -> None:
        message = consumer.poll(bus.WAIT_SECONDS)
        if message is None:
            return
        if message.error():
            raise AskFailed(f"Kafka: {message.error().str()[:200]}")
        if message.value() is not None:  # None is a tombstone
            accept(message.value(), bus.headers_of(dict(message.headers() or [])))
        consumer.commit(message=message, asynchronous=False)


def _begin(consumer: Any, partitions: list[Any]) -> None:
    """Commit where a new group begins: without it, what comes before its first commit is lost by a restart."""
    from confluent_kafka import OFFSET_INVALID  # noqa: PLC0415

    for place in consumer.committed(partitions, timeout=SECONDS):
        if place.offset == OFFSET_INVALID:
            place.offset = consumer.get_watermark_offsets(place, timeout=SECONDS)[1]
            consumer.commit(offsets=[place], asynchronous=False)
        next(
            one for one in partitions if (one.topic, one.partition) == (place.topic, place.partition)
        ).offset = place.offset
    consumer.assign(partitions)


CONNECTOR = Kafka
