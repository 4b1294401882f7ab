"""The replies in the tests of rules.yaml: understood by the very function that reads real ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from dispatch.answers import Data, Understood, understand, written
from dispatch.facts import MemoryFacts
from dispatch.plan import scope_of
from model.event import Event
from model.message import Message, Plan, State
from model.sending import Asked
from rules.book import Book
from rules.render import TemplateFault
from rules.trial import Expect
from wire import keywords


@dataclass(slots=True)
class Talk:
    """What was texted in a test so far, and the answers to it. The phone is the one that was texted last."""

    book: Book
    facts: MemoryFacts
    _texts: list[Message] = field(default_factory=list)
    _data: dict[str, Data] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)

    def remember(self, event: Event, made: Plan) -> None:
        """Remember what an event led to."""
        self._texts += made.messages
        self._data[made.event_id] = scope_of(event, self.book)

    def hear(self, text: str, now: datetime) -> Understood:
        """Understand a reply, and act on it as the service does."""
        left = [message for message in self._texts if self.facts.states[message.id] is not State.CANCELLED]
        left = sorted((m for m in left if m.due_at <= now), key=lambda message: message.due_at, reverse=True)
        number = left[0].recipient.number if left else ""
        asked = [self._asked(message) for message in left if message.recipient.number == number]
        wish = keywords.wish(text)
        found = understand(self.book, text, wish, asked, self._data_of, now)
        if wish in {keywords.STOP, keywords.PERHAPS_STOP}:
            self.facts.stopped = {**self.facts.stopped, number: f"the reply {text!r}"}
        elif wish == keywords.START:
            self.facts.stopped = {n: why for n, why in self.facts.stopped.items() if n != number}
        if found.rule and found.answers and not found.needs:
            self._answered.add(found.answers.id)
        return found

    def _asked(self, message: Message) -> Asked:
        return Asked(
            id=message.id, event_id=message.event_id, source=message.source, rule=message.rule, step=message.step,
            key=message.key, locale=message.locale, category=message.category, at=message.due_at,
            answered=message.id in self._answered,
        )  # fmt: skip

    def _data_of(self, sent: Asked) -> Data:
        return self._data.get(sent.event_id, {})

    def differences(self, expect: Expect, found: Understood, text: str) -> Iterable[str]:
        """Tell where a reply means something else than a test expects; `text` is then the automatic answer."""
        needs = found.needs.code if found.needs else None
        seen = {"intent": found.intent, "needs": needs, "text": self._answer(found, text)}
        for name, value in seen.items():
            wanted = getattr(expect, name)
            if wanted is not None and wanted != value:
                yield f"{name}: expected {wanted!r}, found {value!r}" + (
                    f" ({needs})" if name == "intent" and needs else ""
                )

    def _answer(self, found: Understood, text: str) -> str | None:
        """Write the automatic answer, None where there is none."""
        rule, sent = found.rule, found.answers
        if (
            found.needs
            or sent is None
            or rule is None
            or rule.replies is None
            or found.intent not in rule.replies.answer
        ):
            return None
        try:
            return written(rule.replies.answer[found.intent], self._data_of(sent), text, sent.locale, rule.default_zone)
        except TemplateFault as fault:
            return f"cannot be written: {fault}"
