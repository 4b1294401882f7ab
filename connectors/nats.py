"""NATS JetStream: the messages of a stream, read by a durable consumer.

Facts: docs.nats.io (JetStream consumers, acknowledgement, deliver policies) and nats-io/nats.py 2.x, read 2026-11; run
against nats-server 2.9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from threading import Event as Stop
from typing import Any, ClassVar

from connectors.base import Accept, AskFailed, Option
from connectors.kit import bus
from connectors.kit.bus import Bus

OPTIONS = {
    "url": Option(text="Address, such as tls://tidings:...@nats.example:4222.", required=True, secret=True),
    "credentials": Option(text="Path of a credentials file, where the server wants one.", default=""),
    "stream": Option(text="The stream; it has to be there.", required=True),
    "subject": Option(text="Which subjects of it, such as orders.>.", default=">"),
    "durable": Option(text="Name of our consumer, kept by the server.", default="tidings"),
    "prefetch": Option(text="How many messages are fetched at once.", default=50),
    **bus.OPTIONS,
}


class Nats(Bus):
    """Messages of a JetStream stream."""

    name = "nats"
    title = "NATS JetStream"
    docs_url = "https://docs.nats.io/nats-concepts/jetstream/consumers"
    library = "nats"
    extra = "nats"
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    kinds: ClassVar[Mapping[str, Any]] = {"prefetch": int}
    setup: ClassVar[Sequence[str]] = (
        "Install the extra `nats`. Let a stream keep the subjects, and make a user who may read it.",
        "Set `url` (it holds the password: env:NAME), `stream` and `subject`, and `id`, `type` and `fields`.",
    )
    limits: ClassVar[Sequence[str]] = (
        bus.POISON,
        bus.AGAIN,
        "A new consumer begins with what comes from then on; what the stream held before is not told.",
        "Messages outside JetStream are not read: nobody keeps them while we are away.",
    )

    def consume(self, accept: Accept, stop: Stop) -> None:
        """Hand over messages; each is acknowledged once it is stored."""
        from nats.errors import Error  # noqa: PLC0415 - an extra

        try:
            asyncio.run(self._consume(accept, stop))
        except (Error, OSError, ValueError, TimeoutError) as error:
            raise AskFailed(f"NATS: {type(error).__name__}: {str(error)[:200]}") from None

    async def _consume(self, accept: Accept, stop: Stop) -> None:
        import nats  # noqa: PLC0415
        from nats.js.api import AckPolicy, ConsumerConfig, DeliverPolicy  # noqa: PLC0415

        given = self.settings
        files = {"user_credentials": given["credentials"]} if given["credentials"] else {}
        connection = await nats.connect(  # our own runner tries again, and says so where people look
            given["url"], allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0, connect_timeout=5,
            error_cb=_heard, **files,
        )  # fmt: skip
        try:
            wanted = ConsumerConfig(deliver_policy=DeliverPolicy.NEW, ack_policy=AckPolicy.EXPLICIT)
            subscription = await connection.jetstream().pull_subscribe(
                given["subject"], durable=given["durable"], stream=given["stream"], config=wanted
            )
            while not stop.is_set():
                await self._batch(subscription, accept, stop)
                if connection.is_closed:
                    raise AskFailed("NATS: the connection was closed.")
        finally:
            await connection.close()

    async def _batch(self, subscription: Any, accept: Accept, stop: Stop) -> None:
        from nats.errors import TimeoutError as NothingCame  # noqa: PLC0415

        try:
            found = await subscription.fetch(self.settings["prefetch"], timeout=bus.WAIT_SECONDS)
        except NothingCame:
            return
        try:
            while found and not stop.is_set():
                await asyncio.to_thread(accept, found[0].data, bus.headers_of(found[0].headers or {}))
                await found.pop(0).ack_sync()
        finally:  # given back, they come again at once and not when the server has waited long enough
            for message in found:
                await message.nak()


async def _heard(error: Exception) -> None:
    """Leave the errors of the connection to the calls that fail by them; the library would print each."""


CONNECTOR = Nats
