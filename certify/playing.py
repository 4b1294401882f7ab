"""How a sample is played: the provider says what the sample says, the gateway hands its text over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from certify.check import Subject
from certify.provider import Provider, Seen, provider
from certify.samples import submission
from certify.smsc import by_number, smsc
from gateways.base import HttpGateway
from model.sending import Result

Row = Mapping[str, Any]


def is_http(subject: Subject) -> bool:
    """Tell whether a kind is called over HTTP."""
    return issubclass(subject.kind, HttpGateway)


def play(subject: Subject, row: Row) -> tuple[Result, list[Seen]]:
    """Hand over the text of a sample; return what came of it and what was on the wire."""
    if subject.kind.capabilities.receipts == "connection":
        return play_smpp(subject, row), []
    with provider() as there:
        return play_http(subject, row, there)


def play_http(subject: Subject, row: Row, there: Provider) -> tuple[Result, list[Seen]]:
    """Let a provider say what the sample says."""
    answer = row.get("answer", {"status": "200", "body": "{}"})
    there.answer(int(answer["status"]), answer.get("body", ""), answer.get("headers"))
    result = subject.sampled(there.url, row).submit(submission(**row.get("message", {})))
    return result, there.seen


def play_smpp(subject: Subject, row: Row) -> Result:
    """Hand a text to an SMSC that plays what the end of its number stands for."""
    with smsc() as peer:
        peer.always = by_number
        gateway = subject.sampled(row=row, port=peer.port)
        try:
            return gateway.submit(submission(**row.get("message", {})))
        finally:
            gateway.close()


def status_of(row: Row) -> int:
    """Return the HTTP status a sample's provider answers with, 0 where no answer is written down."""
    return int(row["answer"]["status"]) if "answer" in row else 0


def cases(rows: list[Row]) -> Iterator[tuple[str, Row]]:
    """Name each sample."""
    yield from ((str(row["case"]), row) for row in rows)
