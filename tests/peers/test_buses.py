"""Consumers against brokers: RabbitMQ, nats-server with JetStream, and the mock cluster in Kafka's own library."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

import connectors
from connectors.base import AskFailed
from tests.fakes.service import free_port, until
from tests.peers.processes import DEBIAN, needs, process
from tests.peers.rabbit import EPMD, RABBIT, rabbit

NATS = DEBIAN / "usr" / "sbin" / "nats-server"


class Reader:
    """A source that consumes in a thread of its own; `broken` is a store that takes nothing."""

    def __init__(self, name: str, **settings: Any) -> None:
        self.source: Any = connectors.load(name)(settings)
        self.bodies: list[bytes] = []
        self.broken = False
        self.ended: list[AskFailed] = []

    @contextmanager
    def running(self) -> Iterator[None]:
        self.stop = threading.Event()
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self.stop.set()
            thread.join(20)
            assert not thread.is_alive()

    def has(self, *bodies: bytes) -> None:
        until(lambda: self.bodies == list(bodies), lambda: f"found {self.bodies} and {self.ended}", 20)

    def _run(self) -> None:
        try:
            self.source.consume(self._accept, self.stop)
        except AskFailed as failure:
            self.ended.append(failure)

    def _accept(self, body: bytes, headers: Mapping[str, str]) -> None:
        if self.broken:
            raise AskFailed("the store is down")
        self.bodies.append(body)


def story(reader: Reader, say: Callable[[str], None], bus_ends: Callable[[], None] | None) -> None:
    """What is not stored comes again, what is stored does not, and a bus that goes away ends the call."""
    with reader.running():
        say("one")
        reader.has(b"one")
    reader.broken = True
    with reader.running():
        say("two")
        until(lambda: bool(reader.ended), lambda: "the message was taken by a broken store", 20)
    assert str(reader.ended.pop()) == "the store is down"
    reader.broken = False
    with reader.running():
        say("three")
        reader.has(b"one", b"two", b"three")
        if bus_ends:
            bus_ends()
            until(lambda: bool(reader.ended), lambda: "the end of the bus was not noticed", 40)


@needs(EPMD, RABBIT)
def test_a_queue_of_rabbitmq(tmp_path: Path) -> None:
    pika = pytest.importorskip("pika", reason="install the extra: pip install -e .[amqp]")
    with ExitStack() as peers:
        url = f"amqp://guest:guest@127.0.0.1:{rabbit(peers, tmp_path)}/"

        def say(text: str) -> None:
            with pika.BlockingConnection(pika.URLParameters(url)) as connection:
                channel = connection.channel()
                channel.queue_declare("orders", durable=True)
                channel.basic_publish("", "orders", text.encode())

        say("zero")
        reader = Reader("amqp", url=url, queue="orders")
        with reader.running():
            reader.has(b"zero")
        reader.bodies.clear()
        story(reader, say, peers.close)


@needs(NATS)
def test_a_stream_of_jetstream_from_the_first_connection_on(tmp_path: Path) -> None:
    nats = pytest.importorskip("nats", reason="install the extra: pip install -e .[nats]")
    port = free_port()
    url = f"nats://127.0.0.1:{port}"

    def ask(question: Callable[[Any], Coroutine[Any, Any, Any]]) -> Any:
        async def asked() -> Any:
            connection = await nats.connect(url)
            try:
                return await question(connection.jetstream())
            finally:
                await connection.close()

        return asyncio.run(asked())

    def say(text: str) -> None:
        ask(lambda stream: stream.publish("orders.paid", text.encode()))

    with ExitStack() as peers:
        words: list[str | Path] = [NATS, "-a", "127.0.0.1", "-p", str(port), "-js", "-sd", tmp_path]
        peers.enter_context(process(words, tmp_path, port=port))
        ask(lambda stream: stream.add_stream(name="ORDERS", subjects=["orders.>"]))
        say("from before we came")
        reader = Reader("nats", url=url, stream="ORDERS", subject="orders.>")
        with reader.running():
            until(
                lambda: ask(lambda stream: stream.stream_info("ORDERS")).state.consumer_count == 1,
                lambda: f"no consumer was made: {reader.ended}",
                20,
            )
        story(reader, say, peers.close)


def test_topics_of_kafka_from_the_first_connection_on() -> None:
    """By the mock cluster that librdkafka brings along; it ends with its producer."""
    kafka = pytest.importorskip("confluent_kafka", reason="install the extra: pip install -e .[kafka]")
    producer = kafka.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "unused", "linger.ms": 0})
    (broker,) = producer.list_topics(timeout=10).brokers.values()
    servers = f"{broker.host}:{broker.port}"

    def say(text: str | None) -> None:
        producer.produce("orders", text, partition=0)
        assert producer.flush(5) == 0

    say("from before we came")
    fast = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 200}
    reader = Reader("kafka", servers=servers, topics=["orders"], config=fast)
    group = kafka.Consumer({"bootstrap.servers": servers, "group.id": "tidings"})
    place = kafka.TopicPartition("orders", 0)
    with reader.running():
        until(
            lambda: group.committed([place], timeout=5)[0].offset == 1,
            lambda: f"the group did not begin: {reader.ended}",
            20,
        )
        say(None)  # a tombstone
    group.close()
    story(reader, say, None)
