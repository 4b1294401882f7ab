"""What only the real provider can prove: that it takes our texts, and that it refuses a stranger in our name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from certify.check import Check, Finding
from certify.samples import submission
from gateways.base import Gateway, HttpGateway
from model.message import State
from model.sending import ErrorClass, Outcome

GROUP = "the real provider"
TEXTS = {
    "a plain text": "Tidings certificate: a plain text.",
    "a long text with € at the cut": "Tidings certificate, two parts. ".ljust(152, ".")
    + "€ is whole. End of the text.",
    "a text with emoji and Cyrillic": "Tidings certificate: Привет 👋 äöü",
}
WRONG = "this-is-not-the-secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A real gateway and how to text through it. `send` returns the state the text ended in, and why."""

    make: Callable[[Mapping[str, Any]], Gateway]
    send: Callable[[str], tuple[State, str]]


def look(live: Live) -> Iterator[Finding]:
    """Text the phone in every manner, then knock with a wrong secret and ask for the balance."""
    for name, text in TEXTS.items():
        state, why = live.send(text)
        check = _check(name.replace(" ", "-"), f"The provider takes {name}.")
        yield _found(check, is_good=state.rank >= State.ACCEPTED.rank and state not in _BAD, why=why)
        report = _check(f"receipt-{check.name}", f"A receipt says what became of {name}.")
        if state not in _BAD:
            yield _receipt(report, live.make({}), state)
    yield _sign_in(live)
    yield _balance(live.make({}))


def _check(name: str, text: str) -> Check:
    """Name what a person's phone proves, not a script."""
    return Check(name=name, group=GROUP, text=text, run=lambda _: iter(()))


_BAD = {State.REJECTED, State.FAILED, State.CANCELLED, State.EXPIRED, State.UNKNOWN, State.QUEUED}


def _found(check: Check, *, is_good: bool, why: str) -> Finding:
    return Finding(check=check, verdict="passed" if is_good else "failed", why=why)


def _receipt(check: Check, gateway: Gateway, state: State) -> Finding:
    if gateway.capabilities.receipts == "none":
        return Finding(check=check, verdict="not applicable", why="The provider sends no receipts.")
    return _found(check, is_good=state.rank > State.ACCEPTED.rank, why=f"The text is {state.code}.")


def _sign_in(live: Live) -> Finding:
    """A wrong secret must rest the gateway. It is not tried over SMPP: SMSCs lock accounts that knock wrongly."""
    check = _check("real-sign-in", "A wrong secret is refused, and rests the gateway.")
    kind = live.make({})
    secrets = [name for name, option in kind.options.items() if option.secret and option.required]
    if not isinstance(kind, HttpGateway) or not secrets:
        return Finding(check=check, verdict="not applicable", why="It has no secret to try, or accounts are locked.")
    result = live.make(dict.fromkeys(secrets, WRONG)).submit(submission())
    is_good = (result.outcome, result.error) == (Outcome.REJECTED, ErrorClass.ROUTE_STOP)
    return _found(check, is_good=is_good, why=f"{result.outcome.value}, {result.error.code} {result.code}".strip())


def _balance(gateway: Gateway) -> Finding:
    check = _check("real-balance", "The provider says what is left.")
    amount = gateway.balance()
    return Finding(check=check, verdict="passed" if amount else "not applicable", why=amount or "It says nothing.")
