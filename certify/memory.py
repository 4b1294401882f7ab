"""What our own record makes of a gateway's receipts and replies, on a database of its own: doubled, late, too early."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from audit import attempts, claims, messages, receipts
from audit.facts import StoredFacts
from audit.store import Store
from certify.check import Check, Subject
from certify.samples import incoming
from dispatch.manual import Wish, put
from inbound.receipts import Inbox
from model.ids import Ids
from model.message import State
from model.sending import Outcome, Receipt, Reply, Result

PHONE = "+447700900123"
STOP = "STOP"


@dataclass(slots=True)
class Memory:
    """A record that knows one text."""

    store: Store
    now: datetime
    gateway: str = "main"
    _ids: Ids = field(init=False)

    def __post_init__(self) -> None:
        self._ids = Ids(lambda: self.now)

    @property
    def inbox(self) -> Inbox:
        """Where receipts and replies are handed in."""
        return Inbox(store=self.store, clock=lambda: self.now)

    def hands_over(self, provider_id: str, number: str = PHONE) -> str:
        """Record that a text was handed over and taken; return its id."""

        def write(tx: Any) -> str:
            message = put(tx, Wish(to=number, text="Hello", actor="certificate"), self._ids, self.now).message
            if message is None:
                raise ValueError("the text may not be sent")
            (claimed,) = claims.claim_next(tx, self.now, timedelta(minutes=1), 1)
            attempts.begin_attempt(tx, claimed, self.gateway, number, self.now)
            taken = Result(outcome=Outcome.ACCEPTED, provider_id=provider_id)
            attempts.record_result(tx, claimed, self.gateway, taken, State.ACCEPTED, None, self.now)
            receipts.match_waiting(tx, self.gateway, taken, self.now)
            return message.id

        return self.store.write(write)

    def hears(self, *found: Receipt) -> None:
        """Hand receipts in, one after the other."""
        for one in found:
            self.inbox.receipts(self.gateway, [one])

    def state(self, message_id: str) -> str:
        """Return how far a text is."""
        with self.store.read() as tx:
            row = messages.get(tx, message_id)
            return str(row["state"]) if row else ""

    def stopped(self, number: str = PHONE) -> bool:
        """Tell whether a phone gets no more texts."""
        with self.store.read() as tx:
            return bool(StoredFacts(tx, self.now).opted_out(number, ""))


@cache
def _empty() -> bytes:
    """Return an empty database: making one takes longer than all that is done with it here."""
    with tempfile.TemporaryDirectory(prefix="tidings-certify-") as folder:
        path = Path(folder) / "empty.db"
        Store(path).close()
        return path.read_bytes()


@contextmanager
def memory(now: datetime) -> Iterator[Memory]:
    """Open a record that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="tidings-certify-") as folder:
        path = Path(folder) / "record.db"
        path.write_bytes(_empty())
        store = Store(path)
        try:
            yield Memory(store=store, now=now)
        finally:
            store.close()


def sampled_receipts(subject: Subject) -> list[Receipt]:
    """Return one receipt of each status in the samples, as the gateway reads it, all about the same text."""
    gateway, found = subject.sampled(), dict[str, Receipt]()
    for row in subject.rows("receipts"):
        for one in gateway.parse_receipt(incoming(subject.kind.kind, row, subject.now)):
            found.setdefault(one.raw_status, one)
    return list(found.values())


def about(receipt: Receipt, provider_id: str) -> Receipt:
    """Make a receipt speak of another text."""
    return replace(receipt, provider_id=provider_id, message_id="", part="", number=PHONE)


def delivered_of(subject: Subject) -> Receipt:
    """Return a receipt that says delivered."""
    return next(one for one in sampled_receipts(subject) if one.state is State.DELIVERED)


def doubled(subject: Subject) -> Iterator[str]:
    """The same receipt twice."""
    one = about(delivered_of(subject), "p-1")
    with memory(subject.now) as there:
        text = there.hands_over("p-1")
        there.hears(one, one)
        if there.state(text) != State.DELIVERED.code:
            yield f"the text is {there.state(text)}"


def out_of_order(subject: Subject) -> Iterator[str]:
    """Every receipt the provider can send, after delivered and before it."""
    last = delivered_of(subject)
    over = {State.DELIVERED, State.CANCELLED}  # what was called back at the provider is not delivered later
    others = [one for one in sampled_receipts(subject) if one.state not in over]
    for order in ([last, *others], [*others, last]):
        with memory(subject.now) as there:
            text = there.hands_over("p-1")
            there.hears(*(about(one, "p-1") for one in order))
            if there.state(text) != State.DELIVERED.code:
                yield f"after {[one.raw_status for one in order]} the text is {there.state(text)}"


def too_early(subject: Subject) -> Iterator[str]:
    """A receipt before the answer to its submit, and one that is about no text of ours."""
    one = delivered_of(subject)
    with memory(subject.now) as there:
        there.hears(about(one, "p-2"), about(one, "nobody's"))
        stranger, text = there.hands_over("p-1"), there.hands_over("p-2")
        if there.state(text) != State.DELIVERED.code:
            yield f"the text whose receipt was quicker is {there.state(text)}"
        if there.state(stranger) != State.ACCEPTED.code:
            yield f"a text without a receipt is {there.state(stranger)}"


def stop(subject: Subject) -> Iterator[str]:
    """A phone says STOP by the provider's own callback."""
    for row in subject.rows("replies"):
        for reply in with_words(subject, row, STOP):
            with memory(subject.now) as there:
                there.hands_over("p-1", PHONE)
                there.inbox.replies(there.gateway, [replace(reply, number=PHONE)])
                if not there.stopped():
                    yield f"{row['case']}: the phone still gets texts"
            return
    yield "the samples hold no text from a phone"


def with_words(subject: Subject, row: Mapping[str, Any], words: str) -> list[Reply]:
    """Read a sample's callback as if the phone had said something else; in its bytes, where the words stand there."""
    gateway, given = subject.sampled(), incoming(subject.kind.kind, row, subject.now)
    found = gateway.parse_reply(given)
    if found and found[0].text.isascii() and found[0].text.encode() in given.body:
        found = gateway.parse_reply(replace(given, body=given.body.replace(found[0].text.encode(), words.encode())))
    return [replace(one, text=words, part=None) for one in found]


def _delivers(subject: Subject) -> str:
    if not subject.rows("receipts"):
        return "The provider sends no receipts, or on the connection."
    known = any(one.state is State.DELIVERED for one in sampled_receipts(subject))
    return "" if known else "No receipt of the samples says delivered."


def _hears(subject: Subject) -> str:
    return "" if subject.rows("replies") else "The provider passes no texts on, or on the connection."


CHECKS = (
    Check(name="doubled", group="receipts", text="A receipt that comes twice counts once.", run=doubled,
          not_for=_delivers),
    Check(name="out-of-order", group="receipts", text="Receipts in any order move no text backwards.",
          run=out_of_order, not_for=_delivers),
    Check(name="unmatched", group="receipts", text="A receipt before its text is kept for it; a stranger's moves none.",
          run=too_early, not_for=_delivers),
    Check(name="stop", group="replies", text="A phone that says STOP gets no more texts.", run=stop, not_for=_hears),
)  # fmt: skip
