"""Verification codes: start, send again, check, cancel. Whoever asks is told the same for every number; the record
knows better.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from audit import events, messages, plans, verification_limits, verifications
from audit.facts import StoredFacts
from audit.rows import at, ms
from audit.store import Row, Store, Tx
from dispatch import codes, content, pumping
from dispatch.draft import Moment
from dispatch.plan import plan
from dispatch.pumping import Refused
from dispatch.recipient import LANDLINE, Candidate, NoRecipient, resolve
from model.event import Event
from model.message import Message, Plan, State
from model.reasons import Because
from model.verification import Asked, Checked, Neighbours, Policy, Refusal, Seen, Stage, Standing
from rules.book import Book

SOURCE, TYPE = "tidings", "verification.requested"
HIDDEN = "******"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verifier:
    """Everything the steps need. `pepper` makes the codes and must not be in the database.

    Steps that are given a `tx` are part of somebody's transaction; the others bring their own.
    """

    store: Store
    book: Callable[[], Book]
    policy: Policy
    pepper: str
    new_id: Callable[[str], str]
    on_queued: Callable[[], None]

    @property
    def recipe(self) -> codes.Recipe:
        """How codes are made."""
        return codes.Recipe(pepper=self.pepper, length=self.policy.length, words=self.policy.words)

    def start(self, asked: Asked, now: datetime) -> Seen:
        """Send a code, or send one that is still good once more. What is refused looks the same from outside."""
        seen = self.store.write(lambda tx: self.begin(tx, asked, now))
        self.on_queued()
        return seen

    def check(self, verification_id: str, typed: str, now: datetime) -> bool:
        """Tell whether this is the right code, in time, for the first time, and within the tries."""
        found = self.store.write(lambda tx: self.judge(tx, verification_id, typed, now))
        return found is not None and found.right

    def status(self, verification_id: str, now: datetime) -> Standing | None:
        """Return how a verification stands as its operator sees it, None where there is none."""
        with self.store.read() as tx:
            row = verifications.get(tx, verification_id)
        return None if row is None else verifications.standing(row, now)

    def tidy(self, now: datetime) -> int:
        """End what nobody entered in time."""
        return self.store.write(lambda tx: verifications.expire(tx, now))

    def reveal(self, text: str) -> str:
        """Put the code into a text that is about to be handed over; what is stored never held it."""
        return self.recipe.reveal(text)

    def begin(self, tx: Tx, asked: Asked, now: datetime) -> Seen:
        """Do `start`. A number that was just sent a code finds the same verification, and so does a refused one."""
        candidate = Candidate(field="number", value=asked.number)
        found = resolve([candidate], asked.region, allow_voip=self.policy.voip)
        unfit = found.why if isinstance(found, NoRecipient) else LANDLINE if LANDLINE in found.warning else ""
        number, country = ("", "") if isinstance(found, NoRecipient) or unfit else (found.number, found.region)
        subject = self.recipe.subject(number or asked.number, asked.purpose, str(asked.simulated))
        row = verifications.held(tx, subject, self.policy.tries, now)
        if row is not None and now < at(row["asked_at"]) + self.policy.cooldown:
            return self._seen(row, at(row["asked_at"]))
        row = row or self._open(tx, asked, (subject, number, country), now)
        return self._ask(tx, row, asked.origin, now, unfit=unfit)

    def again(self, tx: Tx, verification_id: str, origin: str, now: datetime) -> Seen | None:
        """Send the code once more, unless it was just sent; None where there is nothing to be entered any more."""
        row = verifications.get(tx, verification_id)
        if row is None or self.stage_of(row, now) is not Stage.PENDING:
            return None
        if now < at(row["asked_at"]) + self.policy.cooldown:
            return self._seen(row, at(row["asked_at"]))
        return self._ask(tx, row, origin, now, unfit="" if row["number"] else row["evidence"])

    def judge(self, tx: Tx, verification_id: str, typed: str, now: datetime) -> Checked | None:
        """Do `check`: the same work for every verification, whether or not it has a code; None where there is none."""
        recipe = self.recipe
        right, simulated = recipe.is_right(verification_id, typed), recipe.is_simulated(typed)
        tries = verifications.take_try(tx, verification_id, self.policy.tries, now)
        row = verifications.get(tx, verification_id)
        if row is None:
            return None
        hit = bool(tries and row["state"] == Stage.PENDING.code and row["sent_at"])
        hit = hit and (simulated if row["simulated"] else right)
        if hit:
            self._close(tx, row, Stage.APPROVED, now)
        elif tries == self.policy.tries and row["state"] == Stage.PENDING.code:
            self._close(tx, row, Stage.FAILED, now)
        if tries and not hit:
            _tally(tx, row, "wrong")
        stage = Stage.APPROVED if hit else self.stage_of(row, now)
        return Checked(right=hit, stage=stage, tries_left=self._left(row, stage))

    def cancel(self, tx: Tx, verification_id: str, actor: str, now: datetime) -> bool:
        """End a verification; its code is wrong from now on. False where it has ended."""
        row = verifications.get(tx, verification_id)
        if row is None or self.stage_of(row, now) is not Stage.PENDING:
            return False
        self._close(tx, row, Stage.CANCELLED, now, actor)
        return True

    def stage_of(self, row: Row, now: datetime) -> Stage:
        """Return how a verification looks from outside: one that got no code looks as if it had one."""
        stage = verifications.STAGES[row["state"]]
        if stage not in {Stage.PENDING, Stage.REFUSED}:
            return stage
        if row["tries"] >= self.policy.tries:
            return Stage.FAILED
        return Stage.EXPIRED if row["expires_at"] <= ms(now) else Stage.PENDING

    def _open(self, tx: Tx, asked: Asked, found: tuple[str, str, str], now: datetime) -> Row:
        verification_id = self.recipe.id_of(self.new_id("v"))
        subject, number, country = found
        verifications.add(
            tx,
            {
                "id": verification_id, "number": number, "purpose": asked.purpose[:64], "country": country,
                "prefix": pumping.prefix_of(number), "created_at": ms(now),
                "expires_at": ms(now + self.policy.lifetime), "actor": asked.actor, "subject": subject,
                "simulated": int(asked.simulated), "locale": asked.locale, "domain": asked.domain,
            },
        )  # fmt: skip
        row = verifications.get(tx, verification_id)
        assert row is not None  # noqa: S101 - written above, in this transaction
        _tally(tx, row, "started")
        return row

    def _ask(self, tx: Tx, row: Row, origin: str, now: datetime, *, unfit: str) -> Seen:
        """Send the code, or write down why not; whoever asked sees no difference."""
        verifications.asked(tx, row["id"], now)
        refused = Refused(Refusal.NUMBER, unfit) if unfit else self._sent_or_refused(tx, row, origin, now)
        if refused is None:
            verifications.sent(tx, row["id"], now)
            _tally(tx, row, "sent")
        else:
            _tally(tx, row, "refused", refused.why.code)
            if not row["sent_at"]:  # a code that is out already stays good
                verifications.settle(tx, row["id"], Stage.REFUSED, now, refused.why.code, refused.evidence)
        return self._seen(row, at(ms(now)))

    def _sent_or_refused(self, tx: Tx, row: Row, origin: str, now: datetime) -> Refused | None:
        if row["simulated"]:
            return None
        kept = self.recipe.origin(origin)
        counts = verification_limits.counts(tx, self.policy, row, kept, now)
        refused = pumping.judge(self.policy, row["country"], counts)
        if refused is not None:
            return refused
        event_id = self.new_id("e")
        if not self._send(tx, row, event_id, now):
            return Refused(Refusal.NO_TEXT, "see the decisions of its event")
        cost = self.policy.price_of(row["country"])
        verifications.count_sent(tx, row, event_id=event_id, origin=kept, cost=cost, now=now)
        return None

    def _send(self, tx: Tx, row: Row, event_id: str, now: datetime) -> bool:
        """Plan the text with the code in hand. What is written down of the event never held it."""
        code = self.recipe.code(row["id"])
        minutes = max(1, int((at(row["expires_at"]) - now).total_seconds() // 60))
        data: dict[str, Any] = {
            "phone": row["number"], "locale": row["locale"], "country": row["country"], "purpose": row["purpose"],
            "verification_id": row["id"], "minutes": minutes,
        }  # fmt: skip
        secret = {"code": code, "autofill": codes.autofill(row["domain"], code)}
        event = Event(
            source=SOURCE, type=TYPE, native_type="verification", id=f"{row['id']}/{ms(now)}", key=row["id"],
            occurred_at=now, data={**data, **secret},
        )  # fmt: skip
        written = replace(event, data={**data, **dict.fromkeys(secret, HIDDEN)})
        events.insert_event(tx, event_id, written, None, now, "received")
        moment = Moment(event_id=event_id, now=now, new_id=lambda: self.new_id("m"))
        made = plan(self.book(), event, StoredFacts(tx, now), moment)
        made = _blanked(made, list(secret.values()), lambda text: self.recipe.seal(text, row["id"]))
        return bool(plans.save_plan(tx, written, made, now))

    def _close(self, tx: Tx, row: Row, stage: Stage, now: datetime, actor: str = "") -> None:
        """End a verification, and with it whatever would still carry its code."""
        verifications.end(tx, row["id"], stage, now)
        for message_id in verifications.waiting_texts(tx, row["id"]):
            messages.end(tx, message_id, State.CANCELLED, Because.CANCELLED, now, actor)
        verifications.no_other_way(tx, row["id"])
        _tally(tx, row, stage.code)

    def _left(self, row: Row, stage: Stage) -> int:
        return max(0, self.policy.tries - row["tries"]) if stage is Stage.PENDING else 0

    def _seen(self, row: Row, asked_at: datetime) -> Seen:
        return Seen(id=row["id"], expires_at=at(row["expires_at"]), resend_at=asked_at + self.policy.cooldown)


def neighbours(store: Store, policy: Policy, now: datetime, limit: int = 50) -> list[Neighbours]:
    """Return how codes to neighbouring numbers fare, busiest first, with the evidence where they get no more."""
    with store.read() as tx:
        found = verification_limits.by_prefix(tx, policy, now, limit)
    return [replace(one, why=_why(pumping.neighbours(policy, one.counts))) for one in found]


def _why(refused: Refused | None) -> str:
    return f"{refused.why.text} {refused.evidence}." if refused else ""


def _tally(tx: Tx, row: Row, what: str, reason: str = "") -> None:
    """Count what happened, unless it was simulated."""
    if not row["simulated"]:
        verifications.tally(tx, what, reason)


def _blanked(made: Plan, secrets: Sequence[str], seal: Callable[[str], str]) -> Plan:
    """Keep the code out of what people see and of what is stored, also where the rule forgot to name it as `redact`."""

    def blank(message: Message) -> Message:
        return replace(message, text=seal(message.text), shown=content.redacted(message.text, secrets))

    decisions = [replace(one, message=blank(one.message)) if one.message else one for one in made.decisions]
    return replace(made, decisions=tuple(decisions))
