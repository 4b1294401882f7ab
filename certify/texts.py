"""What must be on the wire as it is: every letter of a text, the sender, the address for the receipt."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from certify.check import Check, Subject, http_only
from certify.junk import HARD_TEXT, STRADDLING
from certify.provider import Seen, provider
from certify.samples import submission
from dispatch.segments import measure
from model.sending import Outcome, Submission

GROUP = "texts"
SENDER = "A & B {{ to }}"
ADDRESS = "https://tidings.example/receipts/main/a-token?m=m1&x=%20"


def on_the_wire(subject: Subject, *submissions: Submission) -> list[Seen]:
    """Hand texts over to a provider that answers nothing of sense; return what it saw."""
    with provider() as there:
        gateway = subject.build(there.url)
        for one in submissions:
            gateway.submit(one)
        return there.seen


def letters(subject: Subject) -> Iterator[str]:
    """A text full of traps, and a sender with some."""
    (seen,) = on_the_wire(subject, submission(text=HARD_TEXT, sender=SENDER, encoding="ucs2"))
    values = list(words(seen))
    if HARD_TEXT not in values:
        yield "the text is not on the wire as it was written"
    if "from" in subject.kind.options and SENDER not in values:
        yield "the sender is not on the wire as it was written"


def long_texts(subject: Subject) -> Iterator[str]:
    """Texts of several parts whose cuts fall on a pair: the provider cuts them, so they must arrive whole."""
    for text in STRADDLING:
        size = measure(text)
        (seen,) = on_the_wire(subject, submission(text=text, encoding=size.encoding, segments=size.segments))
        if text not in list(words(seen)):
            yield f"{size.segments} parts of {size.encoding}, {text[:3]}...: changed on the wire"


def half_a_character(subject: Subject) -> Iterator[str]:
    """Half an emoji, as broken JSON carries it, cannot be sent and must not crash the sender."""
    with provider() as there:
        result = subject.build(there.url).submit(submission(text="half an emoji \ud83d"))
        if result.outcome is Outcome.ACCEPTED:
            yield "accepted"


def same_bytes(subject: Subject) -> Iterator[str]:
    """The same message is the same request, another one is another."""
    seen = on_the_wire(subject, submission(), submission(attempt=2), submission(message_id="m0sample00000002"))
    first, again, other = ((one.query, one.body) for one in seen)
    if first != again:
        yield "the second attempt of a message is another request"
    if first == other:
        yield "two messages are the same request"


def address(subject: Subject) -> Iterator[str]:
    """The receipt's address goes along as it is."""
    (seen,) = on_the_wire(subject, submission(receipt_url=ADDRESS))
    if not any(ADDRESS in str(value) for value in words(seen)):
        yield "the address is not on the wire as it was given"


def words(seen: Seen) -> Iterator[Any]:
    """Every value on the wire: in the query, the form or the JSON; UTF-16 in hex is read back."""
    has_json = "json" in seen.headers.get("content-type", "")
    for value in (*seen.query.values(), *leaves(seen.json if has_json else [value for _, value in seen.form])):
        yield value
        if isinstance(value, str) and re.fullmatch(r"([0-9a-f]{4})+", value):
            yield bytes.fromhex(value).decode("utf-16-be", "replace")


def leaves(tree: Any) -> Iterator[Any]:
    """Every value in JSON that is no list and no mapping."""
    children = tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ()
    for child in children:
        yield from leaves(child)
    if not isinstance(tree, dict | list):
        yield tree


def _idempotent(subject: Subject) -> str:
    known = subject.sampled().capabilities.idempotent
    return http_only(subject) or ("" if known else "The provider does not recognise a repeated submit.")


def _calls_back(subject: Subject) -> str:
    takes = subject.sampled().capabilities.per_message_callback
    return http_only(subject) or ("" if takes else "The provider takes no address per text.")


CHECKS = (
    Check(name="letters", group=GROUP, text="Text and sender arrive letter by letter, emoji and braces included.",
          run=letters, not_for=http_only),
    Check(name="long-texts", group=GROUP, text="Long texts whose cuts fall on a pair arrive whole.", run=long_texts,
          not_for=http_only),
    Check(name="half-a-character", group=GROUP, text="A text that cannot be encoded is refused, not a crash.",
          run=half_a_character, not_for=http_only),
    Check(name="same-bytes", group=GROUP, text="A repeated submit is the same request, to the letter.", run=same_bytes,
          not_for=_idempotent),
    Check(name="receipt-address", group=GROUP, text="The address for the receipt goes along as it is.", run=address,
          not_for=_calls_back),
)  # fmt: skip
