"""Verification codes: start, check, status. Whoever asks is told the same for every number; the record knows better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from audit import events, verifications
from audit.facts import StoredFacts
from audit.rows import at, ms
from audit.store import Row, Store, Tx
from dispatch import codes, content, pumping
from dispatch.draft import Moment
from dispatch.plan import plan
from dispatch.recipient import LANDLINE, Candidate, NoRecipient, resolve
from model.event import Event
from model.message import Plan
from model.verification import Asked, Policy, Refusal, Seen, Stage
from rules.book import Book

SOURCE, TYPE = "tidings", "verification.requested"
HIDDEN = "******"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Everything the three steps need. `pepper` makes the codes and must not be in the database."""

    store: Store
    book: Callable[[], Book]
    policy: Policy
    pepper: str
    new_id: Callable[[str], str]
    on_queued: Callable[[], None]

    def start(self, asked: Asked, now: datetime) -> Seen:
        """Send a code, or send one that is still good once more. What is refused looks the same from outside."""
        seen = self.store.write(lambda tx: self._start(tx, asked, now))
        self.on_queued()
        return seen

    def check(self, verification_id: str, typed: str, now: datetime) -> bool:
        """Tell whether this is the right code, in time, for the first time, and within the tries."""
        right = codes.is_right(self.pepper, verification_id, self.policy.length, typed)  # first: the same work for all
        return self.store.write(lambda tx: self._check(tx, verification_id, now, right=right))

    def status(self, verification_id: str, now: datetime) -> Stage | None:
        """Return how a verification stands, None where there is none."""
        with self.store.read() as tx:
            row = verifications.get(tx, verification_id)
        if row is None:
            return None
        stage = STAGES[row["state"]]
        return Stage.EXPIRED if stage is Stage.PENDING and row["expires_at"] <= ms(now) else stage

    def tidy(self, now: datetime) -> int:
        """End what nobody entered in time."""
        return self.store.write(lambda tx: verifications.expire(tx, now))

    def _start(self, tx: Tx, asked: Asked, now: datetime) -> Seen:
        found = resolve([Candidate(field="number", value=asked.number)], asked.region)
        trouble = found.why if isinstance(found, NoRecipient) else found.warning if found.warning == LANDLINE else ""
        if isinstance(found, NoRecipient) or trouble:
            row = self._open(tx, asked, "", "", now)
            verifications.settle(tx, row["id"], Stage.REFUSED, now, Refusal.NUMBER.code, trouble)
            return self._seen(row, now)
        held = verifications.open_for(tx, found.number, asked.purpose, now)
        if held is not None and held["sent_at"] and now < at(held["sent_at"]) + self.policy.cooldown:
            return self._seen(held, at(held["sent_at"]))
        row = held or self._open(tx, asked, found.number, found.region, now)
        origin = codes.origin_of(self.pepper, asked.origin)
        counts = verifications.counts(tx, self.policy, dict(row), origin, now)
        refused = pumping.judge(self.policy, row["country"], counts)
        if refused is None and not self._send(tx, row, asked, now):
            refused = pumping.Refused(Refusal.NO_TEXT, "see the decisions of its event")
        if refused is None:
            verifications.sent(tx, row, origin, self.policy.price_of(row["country"]), now)
        elif not row["sent_at"]:  # a code that is out already stays good
            verifications.settle(tx, row["id"], Stage.REFUSED, now, refused.why.code, refused.evidence)
        return self._seen(row, now)

    def _open(self, tx: Tx, asked: Asked, number: str, country: str, now: datetime) -> Row:
        verification_id = self.new_id("v")
        verifications.add(
            tx,
            {
                "id": verification_id, "number": number, "purpose": asked.purpose[:64], "country": country,
                "prefix": pumping.prefix_of(number), "created_at": ms(now),
                "expires_at": ms(now + self.policy.lifetime), "actor": asked.actor,
            },
        )  # fmt: skip
        row = verifications.get(tx, verification_id)
        assert row is not None  # noqa: S101 - written above, in this transaction
        return row

    def _send(self, tx: Tx, row: Row, asked: Asked, now: datetime) -> bool:
        """Plan the text with the code in hand. What is written down of the event never held it."""
        code, event_id = codes.code_of(self.pepper, row["id"], self.policy.length), self.new_id("e")
        minutes = int((at(row["expires_at"]) - now).total_seconds() // 60)
        data: dict[str, Any] = {
            "phone": row["number"], "locale": asked.locale, "country": row["country"], "purpose": asked.purpose,
            "verification_id": row["id"], "minutes": minutes,
        }  # fmt: skip
        secret = {"code": code, "autofill": codes.autofill(asked.domain, code)}
        event = Event(
            source=SOURCE, type=TYPE, native_type="verification", id=f"{row['id']}/{ms(now)}", key=row["id"],
            occurred_at=now, data={**data, **secret},
        )  # fmt: skip
        written = Event(
            source=SOURCE, type=TYPE, native_type="verification", id=event.id, key=row["id"], occurred_at=now,
            data={**data, **dict.fromkeys(secret, HIDDEN)},
        )  # fmt: skip
        events.insert_event(tx, event_id, written, None, now, "received")
        moment = Moment(event_id=event_id, now=now, new_id=lambda: self.new_id("m"))
        made = _blanked(plan(self.book(), event, StoredFacts(tx, now), moment), list(secret.values()))
        return bool(events.save_plan(tx, written, made, now))

    def _check(self, tx: Tx, verification_id: str, now: datetime, *, right: bool) -> bool:
        row = verifications.get(tx, verification_id)
        if row is None or row["state"] != Stage.PENDING.code or row["expires_at"] <= ms(now):
            return False
        if verifications.take_try(tx, verification_id) > self.policy.tries:
            verifications.settle(tx, verification_id, Stage.FAILED, now)
            return False
        if right and row["sent_at"]:
            verifications.settle(tx, verification_id, Stage.APPROVED, now)
            return True
        return False

    def _seen(self, row: Row, sent_at: datetime) -> Seen:
        return Seen(id=row["id"], expires_at=at(row["expires_at"]), resend_at=sent_at + self.policy.cooldown)


def _blanked(made: Plan, secrets: Sequence[str]) -> Plan:
    """Hide the code in what people and the record see, also where the rule forgot to name it under `redact`."""
    decisions = [
        replace(one, message=replace(one.message, shown=content.redacted(one.message.text, secrets)))
        if one.message
        else one
        for one in made.decisions
    ]
    return replace(made, decisions=tuple(decisions))


STAGES = {stage.code: stage for stage in Stage}
