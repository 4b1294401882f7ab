"""One text through one gateway from the command line: by the running service, else by ourselves."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from model.message import Decision, State

LOOK_EVERY = 0.25
ANSWERS_WITHIN = 1.0
LOST = {State.REJECTED, State.FAILED, State.CANCELLED, State.EXPIRED, State.UNDELIVERED, State.QUEUED, State.UNKNOWN}


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Texting:
    """Sends texts to one number through one gateway and tells every step. `wait` is in seconds."""

    settings: Any
    name: str
    number: str
    wait: int

    def not_allowed(self) -> str:
        """Say why the mode forbids it, "" when it may be."""
        from certify.single import not_allowed  # noqa: PLC0415
        from dispatch.route import Mode  # noqa: PLC0415

        mode = Mode(
            name=self.settings.mode, allowed=frozenset(self.settings.allow), redirect_to=self.settings.redirect_to
        )
        return not_allowed(mode, self.number)

    def send(self, words: str) -> tuple[State, str]:
        """Send one text and follow it; return the state it ended in, and what is to be said about it."""
        from certify.single import Text  # noqa: PLC0415

        text = Text(gateway=self.name, number=self.number, text=words)
        return self._by_the_service(text) if self._is_served() else self._by_ourselves(text)

    @staticmethod
    def is_good(state: State) -> bool:
        """Tell whether a text went as far as could be seen."""
        return state not in LOST

    def _is_served(self) -> bool:
        from wire.http import Call, Client, NotSent, Unclear  # noqa: PLC0415

        url = f"http://{self.settings.host}:{self.settings.port}/healthz"
        try:
            return Client(connect=ANSWERS_WITHIN, read=ANSWERS_WITHIN).send(Call(method="GET", url=url)).status == 200
        except (NotSent, Unclear):
            return False

    def _by_the_service(self, text: Any) -> tuple[State, str]:
        from audit.store import Store  # noqa: PLC0415
        from certify import single  # noqa: PLC0415
        from model.ids import Ids  # noqa: PLC0415

        click.echo(f"The running service is asked to hand it to {self.name}.")
        store = Store(self.settings.place)
        try:
            decision = store.write(lambda tx: single.queue(tx, text, Ids(_now, node=1023), _now()))
            message_id = _message_id(decision)
            state = self._follow(store, message_id, decision)
            if state is State.QUEUED and store.write(lambda tx: single.take_back(tx, message_id, _now())):
                return State.CANCELLED, "It still waited, paused or resting, and was taken back."
            return state, ""
        finally:
            store.close()

    def _by_ourselves(self, text: Any) -> tuple[State, str]:
        from certify import single  # noqa: PLC0415

        click.echo(f"No service runs at {self.settings.host}:{self.settings.port}; this command hands it over.")
        with self._service() as service:
            gateway = service.worker.gateways[self.name]
            gateway.open(service.inbox)
            decision, result = single.hand_over(service.worker, text, _now)
            message_id = _message_id(decision)
            comes_back = gateway.capabilities.receipts == "connection"
            state = self._follow(service.store, message_id, decision, wait=self.wait if comes_back else 0)
            why = result.text if result is not None else ""
            if not why and not comes_back:
                why = "Its receipt can be taken by the running service only."
            if state is State.QUEUED:
                service.store.write(lambda tx: single.take_back(tx, message_id, _now()))
            return state, why

    @contextmanager
    def _service(self) -> Iterator[Any]:
        import app  # noqa: PLC0415

        service = app.build(self.settings)
        try:
            yield service
        finally:
            service.stop()

    def _follow(self, store: Any, message_id: str, decision: Decision, wait: int | None = None) -> State:
        """Print what happens to a text until it is over or the time is."""
        from audit import messages, trace  # noqa: PLC0415
        from explain import entry_line  # noqa: PLC0415

        event_id = decision.message.event_id if decision.message else ""
        ends, shown = time.monotonic() + (self.wait if wait is None else wait), 0
        while True:
            found = trace.of_event(store, event_id)
            for entry in found.entries[shown:] if found else ():
                click.echo(entry_line(entry))
            shown = len(found.entries) if found else 0
            with store.read() as tx:
                row = messages.get(tx, message_id)
            state = messages.state_of(row["state"]) if row else State.FAILED
            if state.final or time.monotonic() >= ends:
                return state
            time.sleep(LOOK_EVERY)


def _message_id(decision: Decision) -> str:
    if decision.message is None:
        raise click.ClickException(f"Not sent, {decision.code}: {decision.detail}")
    return decision.message.id
