"""After the door: each reply is bound to the text that asked, understood, answered and written back, step by step.

The door has kept the reply and its opt-out already. Nothing here is quick or urgent enough to keep a provider waiting,
and everything here may need the rules, a gateway or the source.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from audit import events, replies
from audit.replies import Arrived, Bound, WriteBack
from audit.store import Store, StoreDown, Tx, nested
from dispatch import answers, leaving, manual
from dispatch.answers import Data, Understood
from dispatch.manual import Wish
from dispatch.plan import scope_of
from model.event import Event
from model.reasons import Because, Gone, Needs, Unreachable
from model.sending import Asked, Change
from rules.book import Book
from rules.render import TemplateFault
from wire import keywords

log = logging.getLogger("tidings.dispatch")
SOURCE, TYPE, ACTOR = "tidings", "custom.reply", "tidings"
ANSWER, WELCOME, HELP = "-answer", "-start-confirmation", "-help"
QUIET_BEFORE = timedelta(hours=24)
RETRIES = tuple(timedelta(seconds=s) for s in (2, 10, 30, 120, 600, 1800))
"""As for look-ups: a source that does not answer for an hour is given up, and a person is told."""


Write = Callable[[Event, Change, datetime], None]
"""Write a change to the source of an event, now. Raises Unreachable (try again) or Gone (never)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Automatic:
    """What is answered to stop, start and help, by language; {} answers nothing.

    Gateways in `provider_answers` belong to providers that answer these words themselves.
    """

    stop: Mapping[str, str] = field(default_factory=dict)
    start: Mapping[str, str] = field(default_factory=dict)
    help: Mapping[str, str] = field(default_factory=dict)
    provider_answers: frozenset[str] = frozenset()

    def to(self, wish: str) -> tuple[str, Mapping[str, str]]:
        """Return under which name a wish is answered, and with what."""
        by_wish = {
            keywords.STOP: (leaving.CONFIRMATION, self.stop), keywords.PERHAPS_STOP: (leaving.CONFIRMATION, self.stop),
            keywords.START: (WELCOME, self.start), keywords.HELP: (HELP, self.help),
        }  # fmt: skip
        return by_wish[wish]


def nobody_to_tell(event: Event, change: Change, now: datetime) -> None:
    """Stand in where no source can be written to."""
    raise Gone(f"{event.source} cannot be written to ({change.intent}, {now:%Y-%m-%d})")


@dataclass(slots=True)
class Replying:
    """The steps that follow a reply. `book` is asked for anew, because the rules change while the service runs."""

    store: Store
    book: Callable[[], Book]
    new_id: Callable[[str], str]
    automatic: Automatic = field(default_factory=Automatic)
    write: Write = nobody_to_tell
    on_queued: Callable[[], None] = lambda: None

    def answer_due(self, now: datetime, limit: int = 50) -> int:
        """Understand the replies that wait; return how many did."""
        with self.store.read() as tx:
            waiting = replies.waiting(tx, limit)
        for reply in waiting:
            self.store.write(partial(self._settle, reply=reply, now=now))
        if waiting:
            self.on_queued()
        return len(waiting)

    def _settle(self, tx: Tx, reply: Arrived, now: datetime) -> None:
        try:
            with nested(tx):
                replies.settle(tx, reply, self._bound(tx, reply, now), now)
        except StoreDown:
            raise
        except Exception:  # one reply that breaks the reading must not stop the others
            log.exception("reply not understood", extra={"reply": reply.id})
            replies.settle(tx, reply, Bound(intent=reply.wish, needs=Needs.BROKEN.code), now)

    def _bound(self, tx: Tx, reply: Arrived, now: datetime) -> Bound:
        """Decide what a reply means, and do what follows from it."""
        book = self.book()
        asked = replies.sent_to(tx, reply.number, reply.at)

        def data_of(sent: Asked) -> Data:
            event = events.get(tx, sent.event_id, with_raw=book.uses_raw)
            return scope_of(event, book) if event else {}

        found = answers.understand(book, reply.text, reply.wish, asked, data_of, reply.at)
        bound = Bound(
            intent=found.intent, answers=found.answers, asked_by_rule=found.rule is not None,
            needs=found.needs.code if found.needs else "",
        )  # fmt: skip
        if found.intent not in {keywords.OTHER, ""} and found.rule is None:
            return self._by_word(tx, reply, found, bound, now)
        if found.rule is None or found.needs or found.answers is None:
            return bound
        return self._by_rule(tx, reply, found, bound, data_of(found.answers), now)

    def _by_word(self, tx: Tx, reply: Arrived, found: Understood, bound: Bound, now: datetime) -> Bound:
        """Answer stop, start and help, once a day for each phone, unless the provider does it."""
        name, texts = self.automatic.to(found.intent)
        handled = reply.provider_answers or reply.gateway in self.automatic.provider_answers
        # A person types STOP; a machine that answers machines writes sentences, and would be answered for ever.
        loops = found.intent == keywords.PERHAPS_STOP and self._loops(tx, reply, now)
        answer_id = "" if handled or loops else self._answer(tx, reply, found, name, texts, now)
        needs = bound.needs
        if found.intent == keywords.HELP and not answer_id and not handled:
            needs = Needs.NO_HELP.code
        return replace(bound, needs=needs, answer_id=answer_id)

    def _answer(
        self, tx: Tx, reply: Arrived, found: Understood, name: str, texts: Mapping[str, str], now: datetime
    ) -> str:
        locale = found.answers.locale if found.answers else ""
        text = texts.get(answers.spoken_in(texts, locale), "")
        if not text:
            return ""
        wish = self._wish(reply, found.answers, text, name, f"{name}\x1f{reply.number}")
        ttl = leaving.LEAVES_WITHIN if name == leaving.CONFIRMATION else wish.ttl
        return self._queue(tx, replace(wish, ttl=ttl), now)

    def _by_rule(self, tx: Tx, reply: Arrived, found: Understood, bound: Bound, data: Data, now: datetime) -> Bound:
        """Do what the rule says to this answer: write it back, and answer it."""
        sent, rule = found.answers, found.rule
        if sent is None or rule is None or rule.replies is None:
            return bound
        try:
            if found.intent in rule.replies.write_back:
                wanted = rule.replies.write_back[found.intent]
                fields, note = answers.change_of(wanted, data, reply.text, sent.locale)
                change = Change(id="", intent=found.intent, fields=fields, note=note, at=reply.at)
                replies.queue_change(tx, reply, sent, change, now)
            if found.intent not in rule.replies.answer or self._loops(tx, reply, now):
                return bound
            text = answers.written(rule.replies.answer[found.intent], data, reply.text, sent.locale, rule.default_zone)
        except TemplateFault:
            return replace(bound, needs=Needs.NO_ANSWER.code)
        once = f"{ANSWER}\x1f{sent.id}\x1f{found.intent}"
        answer_id = self._queue(tx, self._wish(reply, sent, text, ANSWER, once), now)
        return replace(bound, answer_id=answer_id)

    def _wish(self, reply: Arrived, sent: Asked | None, text: str, name: str, once: str) -> Wish:
        return Wish(
            to=reply.number, text=text, actor=ACTOR, sender=reply.our_number, answers=reply.id, rule=name, once=once,
            gateways=(reply.gateway,), locale=sent.locale if sent else "", category=sent.category if sent else "",
            key=sent.key if sent else "",
        )  # fmt: skip

    def _queue(self, tx: Tx, wish: Wish, now: datetime) -> str:
        """Queue an automatic answer; return its id, "" when it was said already or must not be said."""
        decision = manual.put(tx, wish, self.new_id, now, SOURCE, TYPE)
        if decision.message is None and decision.because is not Because.DUPLICATE:
            log.warning("no automatic answer", extra={"reply": wish.answers, "reason": decision.code})
        return decision.message.id if decision.message else ""

    def _loops(self, tx: Tx, reply: Arrived, now: datetime) -> bool:
        """Tell whether this reply came after an automatic answer of ours: two machines may be talking."""
        return replies.newest_was_automatic(tx, reply.number, now - QUIET_BEFORE)

    def write_due(self, now: datetime, limit: int = 10) -> int:
        """Tell the sources what waits for them; return how much was tried."""
        with self.store.read() as tx:
            due = replies.changes_due(tx, now, limit)
        for each in due:
            self._write(each, now)
        return len(due)

    def _write(self, each: WriteBack, now: datetime) -> None:
        trouble, final = self._tell(each, now)
        again = None if final or each.tries >= len(RETRIES) else now + RETRIES[each.tries]

        def note(tx: Tx) -> None:
            replies.changed(tx, each, trouble, again if trouble else None, now)
            if trouble and again is None:
                replies.flag(tx, each.reply_id, Needs.NOT_WRITTEN.code)

        self.store.write(note)
        log.info("write back", extra={"reply": each.reply_id, "done": not trouble, "tries": each.tries + 1})

    def _tell(self, each: WriteBack, now: datetime) -> tuple[str, bool]:
        """Return what went wrong ("" for nothing), and whether trying again is useless."""
        with self.store.read() as tx:
            event = events.get(tx, each.event_id)
        if event is None:
            return "The event is no longer kept.", True
        try:
            self.write(event, each.change, now)
        except Gone as gone:
            return str(gone), True
        except Unreachable as trouble:
            return str(trouble), False
        return "", False
