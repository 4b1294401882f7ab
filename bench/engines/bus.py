"""The step carried by RabbitMQ: durable queue, persistent messages, publisher confirms, acks by hand, a prefetch.

Facts: rabbitmq.com (confirms, quorum queues, ttl, priority), pika.readthedocs.io, read 2026-11; RabbitMQ 3.10.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pika
from pika.exceptions import AMQPError

from audit.store import Store, Tx
from bench.engines.step import NUMBER, REST, TEXT, Call, place

logging.getLogger("pika").setLevel(logging.CRITICAL)  # a server that is killed is no news here
QUEUE = "step"
PRIORITIES: Mapping[str, Any] = {"x-max-priority": 4}
QUORUM: Mapping[str, Any] = {"x-queue-type": "quorum"}
OUTCOMES = "create table if not exists outcomes (id text primary key, state text not null, provider text not null)"


@dataclass(slots=True)
class Bus:
    """A queue of RabbitMQ. `books` writes down attempts and outcomes; `careless` acks before the call."""

    folder: Path
    arguments: Mapping[str, Any] = field(default_factory=dict)
    books: Books | None = None
    careless: bool = False
    _local: threading.local = field(default_factory=threading.local)

    def publish(self, message_id: str, *, is_urgent: bool = False) -> None:
        """Publish until it is confirmed."""
        body = json.dumps({"id": message_id, "to": NUMBER, "text": TEXT}).encode()
        how = pika.BasicProperties(delivery_mode=2, priority=3 if is_urgent else 0)
        while True:
            try:
                self._publishing().basic_publish("", QUEUE, body, how, mandatory=True)
            except (AMQPError, OSError):
                self._local.channel = None
                time.sleep(REST)
            else:
                return

    def send(self, call: Call, together: int) -> None:
        """Consume, and come back for as long as the broker is away."""
        with ThreadPoolExecutor(together) as pool:
            while True:
                with contextlib.suppress(AMQPError, OSError):
                    self._consume(call, together, pool)
                time.sleep(REST)

    def _consume(self, call: Call, together: int, pool: ThreadPoolExecutor) -> None:
        with connected(self.folder) as connection:
            channel = declared(connection, self.arguments)
            channel.basic_qos(prefetch_count=together)

            def taken(where: Any, method: Any, _: Any, body: bytes) -> None:
                ack = partial(where.basic_ack, method.delivery_tag)
                if self.careless:
                    ack()
                    pool.submit(call, json.loads(body)["id"])
                else:
                    pool.submit(self._hand_over, call, body, lambda: connection.add_callback_threadsafe(ack))

            channel.basic_consume(QUEUE, taken)
            channel.start_consuming()

    def _hand_over(self, call: Call, body: bytes, ack: Callable[[], None]) -> None:
        message_id = json.loads(body)["id"]
        if self.books is None:
            call(message_id)
        elif self.books.begun(message_id):
            self.books.ended(message_id, call(message_id))
        with contextlib.suppress(AMQPError):  # a connection that is gone: the broker brings the message again
            ack()

    def _publishing(self) -> Any:
        if getattr(self._local, "channel", None) is None:
            self._local.channel = declared(connected(self.folder), self.arguments)
            self._local.channel.confirm_delivery()
        return self._local.channel


class Books:
    """Attempts and outcomes beside the queue, in SQLite by the writer that commits in groups."""

    def __init__(self, path: Path) -> None:
        self.store = Store(path)
        self.store.write(lambda tx: tx.execute(OUTCOMES) and None)

    def begun(self, message_id: str) -> bool:
        """Write the attempt down; False where there was one: what became of it is known, or stays unknown."""
        return self.store.write(lambda tx: _begun(tx, message_id))

    def ended(self, message_id: str, provider: str) -> None:
        """Write down that the provider took it."""
        self.store.write(lambda tx: _ended(tx, message_id, provider))


def _begun(tx: Tx, message_id: str) -> bool:
    begin = "insert into outcomes (id, state, provider) values (?, 'submitting', '') on conflict (id) do nothing"
    if tx.execute(begin, (message_id,)).rowcount:
        return True
    tx.execute("update outcomes set state = 'unknown' where id = ? and state = 'submitting'", (message_id,))
    return False


def _ended(tx: Tx, message_id: str, provider: str) -> None:
    tx.execute("update outcomes set state = 'accepted', provider = ? where id = ?", (provider, message_id))


def connected(folder: Path) -> Any:
    """Connect to where the broker is now. Raises AMQPError, OSError."""
    return pika.BlockingConnection(pika.URLParameters(place(folder)))


def declared(connection: Any, arguments: Mapping[str, Any], queue: str = QUEUE) -> Any:
    """Open a channel and see that the queue is there."""
    channel = connection.channel()
    channel.queue_declare(queue, durable=True, arguments=dict(arguments))
    return channel
