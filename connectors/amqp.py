"""AMQP 0-9-1: a queue of RabbitMQ, LavinMQ and others.

Facts: rabbitmq.com (consumers, acknowledgements), pika.readthedocs.io (BlockingConnection) and the CloudEvents
AMQP binding 1.0.2, read 2026-11; run against RabbitMQ 3.10.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from threading import Event as Stop
from typing import Any, ClassVar

from connectors.base import Accept, AskFailed, Option
from connectors.kit import bus
from connectors.kit.bus import Bus

logging.getLogger("pika").setLevel(logging.CRITICAL)  # it would print what we say in one sentence as a page
OPTIONS = {
    "url": Option(text="Address, such as amqps://tidings:...@mq.example/shop.", required=True, secret=True),
    "queue": Option(text="The queue to read; it has to be there.", required=True),
    "prefetch": Option(text="How many messages may be on their way to us at once.", default=50),
    **bus.OPTIONS,
}


class Amqp(Bus):
    """Messages of a queue."""

    name = "amqp"
    title = "AMQP queue"
    docs_url = "https://www.rabbitmq.com/docs/consumers"
    library = "pika"
    extra = "amqp"
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    kinds: ClassVar[Mapping[str, Any]] = {"prefetch": int}
    setup: ClassVar[Sequence[str]] = (
        "Install the extra `amqp`. Make a durable queue, bind it to what is to be told, and a user who may read it.",
        "Set `url` (it holds the password: env:NAME) and `queue`, and `id`, `type` and `fields` as in a message.",
    )
    limits: ClassVar[Sequence[str]] = (
        bus.POISON,
        bus.AGAIN,
        "What lies in the queue at the first start is told: empty it first, or give the rules a max_age.",
        "AMQP 1.0 (Azure Service Bus, ActiveMQ) is another protocol and is not spoken.",
    )

    def consume(self, accept: Accept, stop: Stop) -> None:
        """Hand over messages; each is acknowledged once it is stored."""
        import pika  # noqa: PLC0415 - an extra
        from pika.exceptions import AMQPError  # noqa: PLC0415

        try:
            wanted = pika.URLParameters(self.settings["url"])
            wanted.heartbeat = wanted.heartbeat or 30
            wanted.socket_timeout = wanted.stack_timeout = 10
            with pika.BlockingConnection(wanted) as connection:
                channel = connection.channel()
                channel.basic_qos(prefetch_count=self.settings["prefetch"])
                self._serve(channel, accept, stop)
        except (AMQPError, OSError, ValueError) as error:
            raise AskFailed(f"AMQP: {error!r}"[:300]) from None

    def _serve(self, channel: Any, accept: Accept, stop: Stop) -> None:
        for method, properties, body in channel.consume(self.settings["queue"], inactivity_timeout=bus.WAIT_SECONDS):
            if stop.is_set():  # what was fetched and not taken goes back to the queue
                break
            if method is None:
                continue
            accept(body, bus.headers_of(properties.headers or {}, properties.content_type or ""))
            channel.basic_ack(method.delivery_tag)
        channel.cancel()


CONNECTOR = Amqp
