"""What goes wrong between us and an HTTP provider: after each fault the outcome must say what is known, no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import product

from certify.check import Check, Subject, http_only
from certify.junk import HTML, JUNK_BODIES
from certify.provider import Provider, closed_port, provider
from certify.samples import submission
from gateways.base import HttpGateway
from model.sending import ErrorClass, Outcome, Result
from wire.http import Reply as HttpReply

GROUP = "when the provider fails"
WAITS = ("7", "", "soon", "-1", "99999999999999", "Wed, 21 Oct 2026 07:28:00 GMT")
LOST = ("hang", "close", "reset", "trickle", "garbage")


def one_try(subject: Subject, script: Callable[[Provider], None], *, hasty: bool = False) -> tuple[Result, int]:
    """Hand over one text; return what came of it and how many requests the provider saw."""
    with provider() as there:
        script(there)
        client = subject.impatient if hasty else None
        result = subject.build(there.url, client=client).submit(submission())
        return result, there.waits_for(1)


def unclear(said: tuple[Result, int], what: str) -> Iterator[str]:
    """Say what is wrong unless the outcome is unknown after exactly one request."""
    result, count = said
    if (result.outcome, result.error) != (Outcome.UNKNOWN, ErrorClass.UNKNOWN):
        yield f"{what}: {result.outcome.value}, {result.error.code}"
    if count != 1:
        yield f"{what}: {count} requests"


def nobody_there(subject: Subject) -> Iterator[str]:
    """A refused connection means that nothing was sent."""
    result = subject.build(f"http://127.0.0.1:{closed_port()}").submit(submission())
    if (result.outcome, result.code) != (Outcome.RETRY, "not_sent"):
        yield f"{result.outcome.value}, {result.code}"


def lost(subject: Subject, fault: str) -> Iterator[str]:
    """The request was read and no whole answer came."""
    yield from unclear(one_try(subject, lambda there: getattr(there, fault)(), hasty=True), fault)


def idle(subject: Subject) -> Iterator[str]:
    """A connection that died while idle is not taken for a refused one."""
    with provider() as there:
        gateway = subject.build(there.url)
        there.answer(429, "{}")
        there.close()
        gateway.submit(submission())
        second = gateway.submit(submission())
        if second.outcome is not Outcome.UNKNOWN or there.count != 2:
            yield f"{second.outcome.value} after {there.count} requests"


def error_pages(subject: Subject) -> Iterator[str]:
    """A proxy's page does not know what the provider did."""
    for status in (500, 502, 503, 504):
        yield from unclear(one_try(subject, lambda there, code=status: there.answer(code, HTML)), str(status))  # type: ignore[misc]


def throttles(subject: Subject) -> Iterator[str]:
    """Too many requests: wait as long as asked, where that can be read."""
    for wait in WAITS:
        result, _ = one_try(subject, lambda there, said=wait: there.answer(429, "{}", {"Retry-After": said}))  # type: ignore[misc]
        if (result.outcome, result.error) != (Outcome.RETRY, ErrorClass.THROTTLE):
            yield f"Retry-After {wait!r}: {result.outcome.value}, {result.error.code}"
        if result.retry_after != (timedelta(seconds=7) if wait == "7" else None):
            yield f"Retry-After {wait!r}: waits {result.retry_after}"


def nonsense(subject: Subject) -> Iterator[str]:
    """HTML, broken JSON, wrong shapes: none of it is a yes."""
    gateway = subject.build()
    for status, body in product((200, 201, 202), JUNK_BODIES):
        if isinstance(gateway, HttpGateway):
            result = gateway.decode(HttpReply(status=status, body=body), submission())
            if result.outcome is not Outcome.UNKNOWN:
                yield f"{status} {body[:40]!r}: {result.outcome.value}"


def giants(subject: Subject) -> Iterator[str]:
    """An answer of megabytes is cut off."""
    for status in (200, 201):
        yield from unclear(one_try(subject, lambda there, code=status: there.huge(code)), str(status))  # type: ignore[misc]


def redirects(subject: Subject) -> Iterator[str]:
    """A redirect is not followed: the text would be sent to somebody else, or twice."""
    for status in (301, 302, 303, 307, 308):
        yield from unclear(one_try(subject, lambda there, code=status: there.redirect(code)), str(status))  # type: ignore[misc]


def questions(subject: Subject) -> Iterator[str]:
    """Asking about a text or the balance never raises, and junk is no answer."""
    with provider() as there:
        gateway = subject.build(there.url)
        for body in JUNK_BODIES[:14]:
            there.answer(200, body)
            if gateway.balance():
                yield f"the balance read from {body[:40]!r} is {gateway.balance()!r}"
            there.answer(200, body)
            if gateway.resolve(submission(), subject.now) is not None:
                yield f"a text was found in {body[:40]!r}"


LOST_TEXTS = {
    "hang": "No answer in time after the request was read: unknown, and nothing is repeated.",
    "close": "The connection ends without an answer: unknown, and nothing is repeated.",
    "reset": "The connection is reset in the middle of the answer: unknown, and nothing is repeated.",
    "trickle": "An answer that drips on for ever is given up: unknown, and nothing is repeated.",
    "garbage": "Bytes that are not HTTP: unknown, and nothing is repeated.",
}
CHECKS = (
    Check(name="refused-connection", group=GROUP, text="Nobody listens: nothing was sent, try again.",
          run=nobody_there, not_for=http_only),
    *(Check(name=fault, group=GROUP, text=text, run=lambda subject, what=fault: lost(subject, what), not_for=http_only)  # type: ignore[misc]
      for fault, text in LOST_TEXTS.items()),
    Check(name="idle", group=GROUP, text="A connection that died while idle leaves the outcome unknown.", run=idle,
          not_for=http_only),
    Check(name="error-page", group=GROUP, text="A server error with a page of HTML leaves the outcome unknown.",
          run=error_pages, not_for=http_only),
    Check(name="retry-after", group=GROUP, text="429 slows down for as long as asked.", run=throttles,
          not_for=http_only),
    Check(name="nonsense", group=GROUP, text="HTML or broken JSON under a code of success is never a yes.",
          run=nonsense, not_for=http_only),
    Check(name="giant", group=GROUP, text="An answer of megabytes is cut off.", run=giants, not_for=http_only),
    Check(name="redirect", group=GROUP, text="A redirect is not followed and not a yes.", run=redirects,
          not_for=http_only),
    Check(name="questions", group=GROUP, text="Asking for the balance or about a text never raises.", run=questions),
)  # fmt: skip
