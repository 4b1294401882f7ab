"""POST /receipts/<gateway>/<token> and /replies/<gateway>/<token>: what providers and phones say back."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from audit import consent, receipts, replies, reply_parts
from audit.consent import Consent
from audit.store import Store, StoreDown, Tx, at_once
from gateways.base import Gateway
from inbound.hooks import refused
from model.event import Answer, Incoming
from model.reasons import Reason, Refused
from model.sending import Receipt, Reply
from wire import keywords
from wire.e164 import canonical

log = logging.getLogger("tidings.inbound")
MAX_BODY = 256_000


@dataclass(slots=True)
class ReceiptDoor:
    """Where providers knock. `token_of` gives the secret part of a gateway's addresses.

    With `one_stop` a STOP ends every text; without, those of the category it answers.
    """

    gateways: Mapping[str, Gateway]
    store: Store
    clock: Callable[[], datetime]
    token_of: Callable[[str], str]
    one_stop: bool = True

    def receipt(self, incoming: Incoming, token: str) -> Answer:
        """Take receipts; `incoming.source` names the gateway."""
        return self._take(incoming, token, self._receipts)

    def reply(self, incoming: Incoming, token: str) -> Answer:
        """Take texts from phones."""
        return self._take(incoming, token, self._replies)

    def _take(
        self, incoming: Incoming, token: str, read: Callable[[Gateway, Incoming, datetime], Callable[[Tx], None]]
    ) -> Answer:
        try:
            gateway = self.gateways.get(incoming.source)
            if gateway is None or not hmac.compare_digest(token.encode(), self.token_of(incoming.source).encode()):
                raise Refused(Reason.BAD_SIGNATURE)
            now = self.clock()
            gateway.verify(incoming, now)
            self.store.write(read(gateway, incoming, now))
            return gateway.answer()
        except Refused as refusal:
            log.info("callback refused", extra={"gateway": incoming.source, "reason": refusal.reason.code})
            return refused(refusal.reason)
        except StoreDown:
            return refused(Reason.STORE_DOWN)
        except Exception:
            log.exception("callback failed", extra={"gateway": incoming.source})
            return refused(Reason.STORE_DOWN)

    def _receipts(self, gateway: Gateway, incoming: Incoming, now: datetime) -> Callable[[Tx], None]:
        message_id = incoming.query.get("m", "")
        found = [_with_id(receipt, message_id) for receipt in gateway.parse_receipt(incoming)]
        return at_once(_recording(gateway.name, found, now))

    def _replies(self, gateway: Gateway, incoming: Incoming, now: datetime) -> Callable[[Tx], None]:
        return _listening(gateway.name, gateway.parse_reply(incoming), now, one_stop=self.one_stop)


@dataclass(slots=True)
class Inbox:
    """Where gateways that hold their own connection hand in what came on it: see gateways.base.Inbox."""

    store: Store
    clock: Callable[[], datetime]
    one_stop: bool = True

    def receipts(self, gateway: str, found: Sequence[Receipt]) -> None:
        """Keep receipts. Raises StoreDown."""
        self.store.write(at_once(_recording(gateway, found, self.clock())))

    def replies(self, gateway: str, found: Sequence[Reply]) -> None:
        """Keep texts from phones; the parts of a long one until the last is there. Raises StoreDown."""
        self.store.write(_listening(gateway, found, self.clock(), one_stop=self.one_stop))

    def give_up(self, now: datetime) -> None:
        """Record the long texts whose missing parts are not coming, with the gaps marked. Raises StoreDown."""

        def write(tx: Tx) -> None:
            for gateway, reply in reply_parts.gave_up(tx, now):
                _record(tx, gateway, reply, now, one_stop=self.one_stop)

        self.store.write(write)


def _recording(gateway: str, found: Sequence[Receipt], now: datetime) -> Callable[[Tx], None]:
    def write(tx: Tx) -> None:
        for receipt in found:
            receipts.record(tx, gateway, receipt, now)

    return write


def _listening(gateway: str, found: Sequence[Reply], now: datetime, *, one_stop: bool) -> Callable[[Tx], None]:
    def write(tx: Tx) -> None:
        for reply in found:
            whole = reply_parts.join(tx, gateway, reply, now)
            if whole is not None:
                _record(tx, gateway, whole, now, one_stop=one_stop)

    return write


def _with_id(receipt: Receipt, message_id: str) -> Receipt:
    return replace(receipt, message_id=receipt.message_id or message_id)


def _record(tx: Tx, gateway: str, reply: Reply, now: datetime, *, one_stop: bool = True) -> None:
    """Keep a text from a phone, and its wish with it: nothing that is handed over later can miss an opt-out."""
    reply = replace(reply, number=canonical(reply.number, reply.to))
    wish = keywords.STOP if reply.opt_out else keywords.wish(reply.text)
    message_id = receipts.record_reply(tx, gateway, reply, wish, now)
    if message_id is None or wish not in {keywords.STOP, keywords.PERHAPS_STOP, keywords.START}:
        return
    said = Consent(
        number=reply.number, status="in" if wish == keywords.START else "out", source=f"reply by {gateway}",
        wording=reply.text, channel=consent.REPLY, actor="the person", at=now,
    )  # fmt: skip
    if wish == keywords.START:
        consent.resume(tx, said, now)
    else:
        # What a provider blocks, it blocks for every text; and a phone nobody texted can mean everything only.
        whole = one_stop or reply.opt_out or not message_id
        consent.record(tx, said if whole else replace(said, category=replies.category_of(tx, message_id)), now)
