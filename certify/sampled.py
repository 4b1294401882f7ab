"""What the provider is known to say, from the samples: requests, answers, receipts, replies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from certify.check import Check, Subject, http_only
from certify.playing import Row, cases, play, status_of
from certify.provider import Seen, provider
from certify.samples import facts, incoming, shown, submission
from gateways.base import HttpGateway
from model.message import State
from model.reasons import Refused
from model.sending import ErrorClass, Outcome, Result
from wire.http import Reply as HttpReply

GROUP = "what the provider says"
STRANGE_WORDS = ("zz-new-word", "DELIVERED?", "not delivered", "deliver")
FORGED = {"x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "authorization": "Basic eDp5", "x-signature": "00"}
FORGERIES: tuple[dict[str, str], ...] = (
    {}, FORGED, dict.fromkeys(FORGED, ""), dict.fromkeys(FORGED, "\udcff"), dict.fromkeys(FORGED, "é"),
)  # fmt: skip
ERROR_STATUSES = (400, 401, 403, 404, 409, 422, 429, 500, 503)


def requests(subject: Subject) -> Iterator[str]:
    """Compare what is on the wire with the samples, to the letter."""
    for case, row in cases(subject.rows("submit")):
        if "request" in row:
            _, seen = play(subject, row)
            yield from (f"{case}: {wrong}" for wrong in unlike(seen, row["request"]))


def unlike(seen: list[Seen], wanted: Row) -> Iterator[str]:
    """Say where a request differs from the one of a sample."""
    if len(seen) != 1:
        yield f"{len(seen)} requests"
        return
    (one,) = seen
    has_json = "json" in wanted
    pairs: dict[str, tuple[Any, Any]] = {
        "method": (one.method, wanted.get("method", "POST")),
        "path": (one.path, wanted["path"]),
        "query": (one.query, wanted.get("query", {})),
        "body": (
            one.json if has_json else sorted(one.form),
            json.loads(wanted["json"]) if has_json else sorted(wanted.get("form", {}).items()),
        ),
        **{f"header {name}": (one.headers.get(name), value) for name, value in wanted.get("headers", {}).items()},
    }
    yield from (f"{name} is {found!r}, not {right!r}" for name, (found, right) in pairs.items() if found != right)


def answers(subject: Subject, wanted: Callable[[Row], bool]) -> Iterator[str]:
    """Compare what is made of the provider's answers with the samples."""
    for case, row in cases(subject.rows("submit")):
        if wanted(row):
            result, _ = play(subject, row)
            yield from (f"{case}: {wrong}" for wrong in unlike_result(result, row))


def unlike_result(result: Result, row: Row) -> Iterator[str]:
    """Say where a result differs from the one of a sample, or from what every result must be."""
    for name, right in row["result"].items():
        if shown(getattr(result, name)) != right:
            yield f"{name} is {shown(getattr(result, name))!r}, not {right!r}"
    if (result.outcome is Outcome.ACCEPTED) != (result.error is ErrorClass.NONE):
        yield f"{result.outcome.value} with error {result.error.code}"
    if result.outcome is Outcome.ACCEPTED and not result.provider_id:
        yield "accepted without an id"
    if submission().to in result.text:
        yield "the number stands in the result's text"


def is_taken(row: Row) -> bool:
    """A sample of a text the provider takes."""
    return bool(row["result"]["outcome"] == "accepted")


def is_no_in_a_yes(row: Row) -> bool:
    """A sample of a refusal under a code of success."""
    return 200 <= status_of(row) < 300 and not is_taken(row)


def is_throttle(row: Row) -> bool:
    """A sample of "slow down"."""
    return bool(row["result"].get("error") == "throttle")


def is_stop(row: Row) -> bool:
    """A sample of trouble with the account: sign-in, credit, suspension."""
    return bool(row["result"].get("error") == "route_stop")


def is_other(row: Row) -> bool:
    """A sample that no other check plays."""
    return not (is_taken(row) or is_no_in_a_yes(row) or is_throttle(row) or is_stop(row))


def yes_under_an_error(subject: Subject) -> Iterator[str]:
    """A body that means yes, under a code that means no, is no yes."""
    for case, row in cases(subject.rows("submit")):
        gateway = subject.sampled()
        if not (is_taken(row) and "answer" in row and isinstance(gateway, HttpGateway)):
            continue
        for status in ERROR_STATUSES:
            found = gateway.decode(HttpReply(status=status, body=row["answer"]["body"].encode()), submission())
            if found.outcome is Outcome.ACCEPTED:
                yield f"{case}: accepted under {status}"


def receipts(subject: Subject) -> Iterator[str]:
    """Compare what is read from callbacks with the samples."""
    for case, row in cases(subject.rows("receipts")):
        found = subject.sampled().parse_receipt(incoming(subject.kind.kind, row, subject.now))
        yield from unlike_list(case, found, row["receipts"])


def replies(subject: Subject) -> Iterator[str]:
    """Compare what phones said with the samples."""
    for case, row in cases(subject.rows("replies")):
        found = subject.sampled().parse_reply(incoming(subject.kind.kind, row, subject.now))
        yield from unlike_list(case, found, row["replies"])
        for reply, wanted in zip(found, row["replies"], strict=False):
            if reply.opt_out != (wanted.get("opt_out") == "yes"):
                yield f"{case}: opt_out is {reply.opt_out}"


def unlike_list(case: str, found: list[Any], wanted: list[dict[str, str]]) -> Iterator[str]:
    """Say where a list of receipts or replies differs from the one of a sample."""
    said = [facts(one, row) for one, row in zip(found, wanted, strict=False)]
    if len(found) != len(wanted) or said != wanted:
        yield f"{case}: {len(found)} found, {said!r}, not {wanted!r}"


def strange_words(subject: Subject) -> Iterator[str]:
    """A status nobody knows is never taken for delivered, nor for failed."""
    gateway = subject.sampled()
    for case, row in cases(subject.rows("receipts")):
        given = incoming(subject.kind.kind, row, subject.now)
        for wanted in row["receipts"]:
            word = wanted.get("raw_status", wanted["state"]).partition(".")[0].encode()
            for strange in STRANGE_WORDS:
                found = gateway.parse_receipt(replace(given, body=given.body.replace(word, strange.encode())))
                odd = [receipt for receipt in found if receipt.raw_status.startswith(strange)]
                if not odd or {receipt.state for receipt in odd} != {State.UNCONFIRMED}:
                    yield f"{case}: {strange!r} became {[receipt.state.code for receipt in odd]}"


def forgeries(subject: Subject) -> Iterator[str]:
    """A callback with a missing or wrong signature is refused with 401."""
    gateway = subject.sampled()
    for case, row in cases(subject.rows("receipts") + subject.rows("replies")):
        given = incoming(subject.kind.kind, row, subject.now)
        for headers in FORGERIES:
            try:
                gateway.verify(replace(given, headers={**given.headers, **headers}), subject.now)
            except Refused as refusal:
                if refusal.reason.status == 401:
                    continue
            yield f"{case}: a forged callback was let in"


def balance(subject: Subject) -> Iterator[str]:
    """Ask what is left, and read the answer."""
    sample = subject.samples["balance"]
    with provider() as there:
        there.answer(int(sample["answer"]["status"]), sample["answer"].get("body", ""))
        found = subject.sampled(there.url).balance()
        if found != sample["shown"]:
            yield f"{found!r}, not {sample['shown']!r}"
        yield from unlike(there.seen, sample["request"])


def _some(wanted: Callable[[Row], bool], why: str) -> Callable[[Subject], str]:
    return lambda subject: "" if any(wanted(row) for row in subject.rows("submit")) else why


def _has(part: str, why: str) -> Callable[[Subject], str]:
    return lambda subject: "" if subject.rows(part) else why


def _signs(subject: Subject) -> str:
    signed = subject.sampled().capabilities.receipts == "signed"
    return "" if signed else "The provider does not sign; the secret in the address is the proof."


def _no_request(subject: Subject) -> str:
    written = any("request" in row for row in subject.rows("submit"))
    return http_only(subject) or ("" if written else "The samples hold no requests.")


CHECKS = (
    Check(name="request", group=GROUP, text="The request is the one of the samples, to the letter.", run=requests,
          not_for=_no_request),
    Check(name="success", group=GROUP, text="A text that is taken is accepted, with the provider's id.",
          run=lambda subject: answers(subject, is_taken), not_for=_some(is_taken, "The samples hold none.")),
    Check(name="no-in-a-yes", group=GROUP, text="A refusal under a code of success (200 with an error) is a refusal.",
          run=lambda subject: answers(subject, is_no_in_a_yes),
          not_for=_some(is_no_in_a_yes, "The samples know none: this provider refuses by HTTP codes.")),
    Check(name="throttle", group=GROUP, text="'Slow down' slows the gateway down and keeps the text.",
          run=lambda subject: answers(subject, is_throttle), not_for=_some(is_throttle, "The samples hold none.")),
    Check(name="sign-in", group=GROUP, text="Trouble with sign-in, credit or account rests the gateway.",
          run=lambda subject: answers(subject, is_stop), not_for=_some(is_stop, "The samples hold none.")),
    Check(name="other-answers", group=GROUP, text="Every other answer becomes the result its sample states.",
          run=lambda subject: answers(subject, is_other), not_for=_some(is_other, "The samples hold none.")),
    Check(name="yes-under-an-error", group=GROUP, text="A yes under a code of failure is not a yes.",
          run=yes_under_an_error, not_for=http_only),
    Check(name="balance", group=GROUP, text="What is left on the account is asked for and read.", run=balance,
          not_for=lambda subject: "" if "balance" in subject.samples else "No way to ask is known."),
    Check(name="receipts", group="receipts", text="Each recorded callback becomes its receipts.", run=receipts,
          not_for=_has("receipts", "The provider sends none, or on the connection.")),
    Check(name="strange-status", group="receipts", text="A status nobody knows is never 'delivered'.",
          run=strange_words, not_for=_has("receipts", "The provider sends none, or on the connection.")),
    Check(name="forged", group="receipts", text="A forged callback is refused.", run=forgeries, not_for=_signs),
    Check(name="replies", group="replies", text="Each recorded text from a phone is read.", run=replies,
          not_for=_has("replies", "The provider passes none on, or on the connection.")),
)  # fmt: skip
