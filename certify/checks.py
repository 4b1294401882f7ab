"""Every check there is, in the order a certificate shows them."""

from __future__ import annotations

from collections.abc import Iterator

from certify import faults, hiding, memory, over_smpp, sampled, texts
from certify.check import Check, Finding, Subject, look

HARMLESS = ("", "ok", "<Response/>", "ACK/Jasmin")


def answer(subject: Subject) -> Iterator[str]:
    """Some providers text the body of an answer to the phone."""
    said = subject.sampled().answer()
    if said.status not in (200, 204) or said.body not in HARMLESS:
        yield f"{said.status} {said.body!r}"


LAST = (
    Check(name="answer", group="replies", text="The answer to a callback says nothing a phone could hear.", run=answer),
)
ALL: tuple[Check, ...] = (
    *sampled.CHECKS, *faults.CHECKS, *texts.CHECKS, *hiding.CHECKS, *memory.CHECKS, *over_smpp.CHECKS, *LAST,
)  # fmt: skip
ORDER = tuple(dict.fromkeys(check.group for check in ALL))


def in_order() -> list[Check]:
    """Return every check, group by group."""
    return sorted(ALL, key=lambda one: ORDER.index(one.group))


def run(subject: Subject) -> Iterator[Finding]:
    """Make every check."""
    yield from (look(check, subject) for check in in_order())
