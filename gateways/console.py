"""The gateway for trying things out: shows each text as a phone would, and lets simulated receipts come back.

Nothing leaves the machine. The receipts are real HTTP posts to the real receipt door, so everything behind a text is
exercised. Magic numbers, all from ranges reserved for fiction, play every outcome a provider can have.
"""

from __future__ import annotations

import heapq
import json
import re
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, ClassVar

from gateways.base import Capabilities, Gateway, Option, of_class
from model.event import Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import reading
from wire.http import Call, Client, NotSent, Unclear

FICTION = re.compile(r"\+(?:1[2-9][0-9]{2}55501|4477009001|4917139200)([0-9]{2})")
"""Ranges no real phone is in: any North American area code with 555-0100 to 0199 (NANPA), +44 7700 900100 to 900199
(Ofcom, of 900000 to 900999), +49 171 3920000 to 3920099 (Bundesnetzagentur). Read 2026-11.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """What a provider and a phone do with a text. A `refusal` may be `once`, at the first attempt only."""

    words: str
    refusal: ErrorClass = ErrorClass.NONE
    once: bool = False
    receipts: tuple[str, ...] = ("sent", "delivered")
    reply: str = ""


PLAIN = Play(words="accepted, then delivered")
MAGIC: Mapping[str, Play] = {
    "80": PLAIN,
    "85": Play(words="accepted, then taken by the carrier, and no word from the phone", receipts=("sent",)),
    "86": Play(words="delivered, and the phone replies C", reply="C"),
    "87": Play(words="delivered, and the phone replies with a question", reply="Can I come an hour later?"),
    "88": Play(words="delivered, and the phone replies STOP", reply="STOP"),
    "89": Play(words="fails at the first attempt, delivered at the second", refusal=ErrorClass.RETRY, once=True),
    "90": Play(words="refused: the number does not exist", refusal=ErrorClass.PERMANENT),
    "91": Play(words="refused: the person opted out at the provider", refusal=ErrorClass.OPT_OUT),
    "92": Play(words="asks to slow down at the first attempt, then delivered", refusal=ErrorClass.THROTTLE, once=True),
    "93": Play(words="hangs up without an answer: unknown", refusal=ErrorClass.UNKNOWN),
    "94": Play(words="accepted, then not delivered", receipts=("sent", "undelivered")),
    "95": Play(words="accepted, and no receipt ever", receipts=()),
    "96": Play(words="accepted, then expired at the carrier", receipts=("sent", "expired")),
    "97": Play(words="delivered, and every receipt comes twice", receipts=("sent", "delivered") * 2),
    "98": Play(words="refused: the text is not allowed", refusal=ErrorClass.CONTENT),
    "99": Play(words="refused: the account has no credit, and the gateway rests", refusal=ErrorClass.ROUTE_STOP),
}
"""By the last two digits of a number in one of the ranges; any other number is a plain phone."""

STATES = {"sent": State.SENT, "delivered": State.DELIVERED, "undelivered": State.UNDELIVERED, "expired": State.EXPIRED}
CARD_WIDTH = 44


class Console(Gateway):
    """Texts on the terminal, receipts from a simulated phone."""

    kind = "console"
    title = "Console (nothing leaves)"
    options: ClassVar[Mapping[str, Option]] = {
        "show": Option(text="Print each text on standard output.", default=True),
        "receipt_delay": Option(text="Seconds until the simulated phone reports.", default=0.05),
    }
    capabilities = Capabilities(
        validity=True, client_reference=True, idempotent=False, per_message_callback=True, replies=True, test_mode=True
    )

    def __init__(self, name: str, settings: Mapping[str, Any], http: Client) -> None:
        super().__init__(name, settings, http)
        self.write: Callable[[str], object] = sys.stdout.write
        self._phones = _Phones(http)

    def submit(self, submission: Submission) -> Result:
        """Show the text and play the outcome its number stands for."""
        play = play_of(submission.to)
        if play.refusal is not ErrorClass.NONE and (not play.once or submission.attempt == 1):
            return _refused(play.refusal)
        if self.settings["show"]:
            self.write(card(submission))
        self._report(submission, play)
        return Result(
            outcome=Outcome.ACCEPTED, provider_id=f"console-{submission.message_id}", segments=submission.segments
        )

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read what the simulated phone posts."""
        body = reading.json_object(incoming.body)
        status = reading.required(body, "status")
        return [
            Receipt(
                state=STATES.get(status, State.UNCONFIRMED),
                provider_id=reading.required(body, "id"),
                raw_status=status,
                error_code=reading.text(body, "error"),
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a simulated reply: {id, from, to, text}."""
        body = reading.json_object(incoming.body)
        return [
            Reply(
                id=reading.required(body, "id"),
                number=reading.required(body, "from"),
                to=reading.text(body, "to"),
                text=reading.text(body, "text"),
            )
        ]

    def _report(self, submission: Submission, play: Play) -> None:
        if not submission.receipt_url:
            return
        name, delay = f"console-{submission.message_id}", float(self.settings["receipt_delay"])
        for status in play.receipts:
            self._phones.post(submission.receipt_url, {"id": name, "status": status}, after=delay)
        if play.reply:
            body = {"id": f"{name}-reply", "from": submission.to, "to": submission.sender, "text": play.reply}
            self._phones.post(_reply_url(submission.receipt_url), body, after=2 * delay)


def play_of(number: str) -> Play:
    """Return what happens to a text for a number."""
    found = FICTION.fullmatch(number)
    return MAGIC.get(found[1], PLAIN) if found else PLAIN


def _refused(refusal: ErrorClass) -> Result:
    wait = timedelta(seconds=1) if refusal is ErrorClass.THROTTLE else None
    return replace(of_class(refusal, refusal.code, "Simulated by a magic number."), retry_after=wait)


def _reply_url(receipt_url: str) -> str:
    """Return where replies go: beside the receipts, with the same secret, and without a message id."""
    return receipt_url.replace("/receipts/", "/replies/", 1).partition("?")[0]


def card(submission: Submission) -> str:
    """Draw a text as a phone shows it: sender, number, text, segments."""
    lines = [row for line in submission.text.split("\n") for row in textwrap.wrap(line, CARD_WIDTH) or [""]]
    top = f"{submission.sender or 'Tidings'} -> {submission.to}"
    parts = f"{submission.segments} segment{'s' if submission.segments != 1 else ''}, {submission.encoding.upper()}"
    rows = [f"  ╭{'─' * (CARD_WIDTH + 2)}╮", f"  │ {top:<{CARD_WIDTH}} │"]
    rows += [f"  │ {line:<{CARD_WIDTH}} │" for line in lines]
    return "\n".join([*rows, f"  ╰{f' {parts} ':─>{CARD_WIDTH + 2}}╯", ""])


class _Phones:
    """One thread that posts simulated receipts when their time has come."""

    def __init__(self, http: Client) -> None:
        self._http = http
        self._waiting: list[tuple[float, int, str, bytes]] = []
        self._more = threading.Condition()
        self._count = 0
        self._thread: threading.Thread | None = None

    def post(self, url: str, body: Mapping[str, str], *, after: float) -> None:
        with self._more:
            self._count += 1
            payload = json.dumps(body).encode()
            heapq.heappush(self._waiting, (time.monotonic() + after, self._count, url, payload))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="console-phones", daemon=True)
                self._thread.start()
            self._more.notify()

    def _run(self) -> None:
        while True:
            with self._more:
                while not self._waiting or self._waiting[0][0] > time.monotonic():
                    wait = self._waiting[0][0] - time.monotonic() if self._waiting else None
                    self._more.wait(wait)
                _, _, url, body = heapq.heappop(self._waiting)
            try:
                self._http.send(Call(method="POST", url=url, headers={"content-type": "application/json"}, body=body))
            except (NotSent, Unclear):
                continue  # the service is stopping; a lost receipt is what real phones do, too


GATEWAY = Console
