"""POST /receipts/<gateway>/<token> and /replies/<gateway>/<token>: what providers and phones say back."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from audit import receipts
from audit.store import Store, StoreDown, Tx
from gateways.base import Gateway
from inbound.hooks import refused
from inbound.keywords import intent
from model.event import Answer, Incoming
from model.reasons import Reason, Refused
from model.sending import Receipt, Reply

log = logging.getLogger("tidings.inbound")
MAX_BODY = 256_000


@dataclass(slots=True)
class ReceiptDoor:
    """Where providers knock. `token_of` gives the secret part of a gateway's addresses."""

    gateways: Mapping[str, Gateway]
    store: Store
    clock: Callable[[], datetime]
    token_of: Callable[[str], str]

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

        def write(tx: Tx) -> None:
            for receipt in found:
                receipts.record(tx, gateway.name, receipt, now)

        return write

    def _replies(self, gateway: Gateway, incoming: Incoming, now: datetime) -> Callable[[Tx], None]:
        found = gateway.parse_reply(incoming)

        def write(tx: Tx) -> None:
            for reply in found:
                _record(tx, gateway.name, reply, now)

        return write


def _with_id(receipt: Receipt, message_id: str) -> Receipt:
    return replace(receipt, message_id=receipt.message_id or message_id)


def _record(tx: Tx, gateway: str, reply: Reply, now: datetime) -> None:
    wish = "stop" if reply.opt_out else intent(reply.text)
    receipts.record_reply(tx, gateway, reply, wish, now)
    if wish in {"stop", "stop?"}:
        receipts.opt_out(tx, reply.number, "", f"reply by {gateway}", now)
    elif wish == "start":
        receipts.set_consent(tx, reply.number, "", "in", f"reply by {gateway}", now)
