"""One real text through exactly one gateway, on the record like any other, and what becomes of it step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from audit import attempts, claims, messages
from audit.store import Tx
from dispatch.manual import Wish, put
from dispatch.recipient import mask
from dispatch.route import Mode, Road
from dispatch.settling import LEASE
from dispatch.worker import Handover, Worker
from model.message import Decision, State
from model.reasons import Because
from model.sending import Result

ACTOR = "gateways test"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """What is sent, through which gateway, and on whose behalf."""

    gateway: str
    number: str
    text: str
    actor: str = ACTOR

    @property
    def wish(self) -> Wish:
        """The text as one that no rule planned."""
        return Wish(to=self.number, text=self.text, actor=self.actor, gateways=(self.gateway,))


def not_allowed(mode: Mode, number: str) -> str:
    """Say why the mode forbids a text to a number, "" when it may be sent."""
    number_sent_to, is_real = mode.send_to(number)
    if not is_real:
        why = "keeps every text on this machine" if mode.name == "sink" else "allows the numbers in `allow` only"
        return f"The mode is {mode.name} and {why}; nothing was sent to {mask(number)}."
    if number_sent_to != number:
        return f"The mode is redirect: only the phone in `redirect_to` may be texted, and {mask(number)} is not it."
    return ""


def queue(tx: Tx, text: Text, new_id: Callable[[str], str], now: datetime) -> Decision:
    """Leave the text to the running service, which already holds the connections and the doors."""
    return put(tx, text.wish, new_id, now)


def hand_over(worker: Worker, text: Text, clock: Callable[[], datetime]) -> tuple[Decision, Result | None]:
    """Hand the text over here, and nothing else that may wait; None when the text may not be sent."""
    now = clock()

    def write(tx: Tx) -> tuple[Decision, Handover | None]:
        decision = put(tx, text.wish, worker.new_id, now)
        if decision.message is None:
            return decision, None
        claimed = claims.claim_one(tx, decision.message.id, now, LEASE)
        attempts.begin_attempt(tx, claimed, text.gateway, text.number, now)
        submission = worker.submission(claimed, Road(text.gateway), text.number, now)
        return decision, Handover(claimed=claimed, gateway=worker.gateways[text.gateway], submission=submission)

    decision, handover = worker.store.write(write)
    return decision, None if handover is None else worker.hand_over(handover, clock)


def take_back(tx: Tx, message_id: str, now: datetime) -> bool:
    """End a text that still waits: it must not leave when nobody expects it any more."""
    return messages.end(tx, message_id, State.CANCELLED, Because.CANCELLED, now, ACTOR)
