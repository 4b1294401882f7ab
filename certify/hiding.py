"""Secrets stay inside: not in results, errors, logs, refusals or the gateway's own representation."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from certify.check import NOWHERE, Check, Subject, http_only
from certify.playing import cases
from certify.provider import Provider, closed_port, provider
from certify.samples import incoming, submission
from gateways.base import Gateway
from model.event import Incoming
from model.reasons import Refused

MARK = "SECRET-MARKER"
STATUSES = (200, 201, 400, 401, 403, 404, 409, 429, 500, 503)


def marked(subject: Subject) -> dict[str, str]:
    """Give every secret setting a value that can be recognised wherever it turns up."""
    return {name: f"{MARK}-{name}" for name, option in subject.kind.options.items() if option.secret}


def handing_over(subject: Subject) -> Iterator[str]:
    """Let the provider quote our secrets back at us in every kind of answer."""
    secrets = marked(subject)
    with provider() as there, listening() as said:
        gateway = subject.sampled(there.url, None, **secrets)
        results = [*_answered(gateway, there, ", ".join(secrets.values())), *_torn(gateway, there)]
        nowhere = subject.sampled(f"http://127.0.0.1:{closed_port()}", None, **secrets)
        results += [nowhere.submit(submission()), gateway.balance(), gateway.resolve(submission(), subject.now)]
        shown = repr([*results, gateway, gateway.http])
    if MARK in shown:
        yield "in a result"
    if any(MARK in str(record.__dict__) + record.getMessage() for record in said):
        yield "in a log line"


def _answered(gateway: Gateway, there: Provider, echo: str) -> Iterator[Any]:
    for status in STATUSES:
        for body in ({"code": 99999, "message": echo, "status": status, "type": echo}, {"code": echo, "message": echo}):
            there.answer(status, body)
            yield gateway.submit(submission())


def _torn(gateway: Gateway, there: Provider) -> Iterator[Any]:
    for fault in (there.close, there.reset, there.garbage):
        fault()
        yield gateway.submit(submission())


def refusing(subject: Subject) -> Iterator[str]:
    """Refuse callbacks with good, bad and broken bodies."""
    gateway = subject.sampled(NOWHERE, None, **marked(subject))
    acts: tuple[Callable[[Incoming], object], ...] = (
        lambda given: gateway.verify(given, subject.now), gateway.parse_receipt, gateway.parse_reply,
    )  # fmt: skip
    for case, row in cases(subject.rows("receipts") + subject.rows("replies")):
        whole = incoming(subject.kind.kind, row, subject.now)
        for given in (whole, replace(whole, body=b"{")):
            if any(MARK in str(refusal_of(act, given)) for act in acts):
                yield f"{case}: in the refusal"


def refusal_of(act: Callable[[Incoming], object], given: Incoming) -> Refused | None:
    """Return the refusal of a callback, if it is refused."""
    try:
        act(given)
    except Refused as refusal:
        return refusal
    return None


class _Ear(logging.Handler):
    """Keeps what is logged."""

    def __init__(self, heard: list[logging.LogRecord]) -> None:
        super().__init__(logging.DEBUG)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        """Keep one record."""
        self._heard.append(record)


@contextmanager
def listening() -> Iterator[list[logging.LogRecord]]:
    """Gather every log record, of every level."""
    heard: list[logging.LogRecord] = []
    ear = _Ear(heard)
    root = logging.getLogger()
    before = root.level
    root.addHandler(ear)
    root.setLevel(logging.DEBUG)
    try:
        yield heard
    finally:
        root.setLevel(before)
        root.removeHandler(ear)


def _has_secrets(subject: Subject) -> str:
    return "" if marked(subject) else "It has no secret settings."


CHECKS = (
    Check(name="secrets-in-results", group="secrets", text="No secret turns up in a result, an error or a log line.",
          run=handing_over, not_for=lambda subject: http_only(subject) or _has_secrets(subject)),
    Check(name="secrets-in-refusals", group="secrets", text="No secret turns up when a callback is refused.",
          run=refusing, not_for=_has_secrets),
)  # fmt: skip
