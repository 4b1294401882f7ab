"""The gateway for trying things out: shows each text as a phone would, and lets simulated receipts come back.

Nothing leaves the machine. The receipts are real HTTP posts to the real receipt door, so everything behind a text is
exercised. Magic numbers (any number that ends like this) play every outcome a provider can have.
"""

from __future__ import annotations

import heapq
import json
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, ClassVar

from gateways.base import Capabilities, Gateway, Option, of_class
from model.event import Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import reading
from wire.http import Call, Client, NotSent, Unclear

MAGIC: Mapping[str, tuple[str, str]] = {
    "5550190": ("permanent", "refused: the number does not exist"),
    "5550191": ("opt_out", "refused: the person opted out"),
    "5550192": ("throttle", "asks to come back in 1 s, at the first attempt"),
    "5550193": ("unknown", "hangs up without an answer"),
    "5550194": ("undelivered", "accepted, then not delivered"),
    "5550195": ("silent", "accepted, and no receipt ever"),
    "5550196": ("expired", "accepted, then expired at the carrier"),
    "5550197": ("twice", "accepted, delivered, and every receipt comes twice"),
    "5550198": ("content", "refused: the text is not allowed"),
    "5550199": ("route_stop", "refused: the account has no credit"),
}
REFUSALS = {error.code: error for error in ErrorClass}
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
        play = next((name for tail, (name, _) in MAGIC.items() if submission.to.endswith(tail)), "delivered")
        if play in {"permanent", "opt_out", "content", "route_stop"}:
            return of_class(REFUSALS[play], play, "Simulated by a magic number.")
        if play == "throttle" and submission.attempt == 1:
            return Result(
                outcome=Outcome.RETRY, error=ErrorClass.THROTTLE, code="throttle", retry_after=timedelta(seconds=1)
            )
        if play == "unknown":
            return of_class(ErrorClass.UNKNOWN, "unclear", "Simulated by a magic number.")
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

    def _report(self, submission: Submission, play: str) -> None:
        if play == "silent" or not submission.receipt_url:
            return
        final = play if play in STATES else "delivered"
        for status in ("sent", final) * (2 if play == "twice" else 1):
            body = {"id": f"console-{submission.message_id}", "status": status}
            self._phones.post(submission.receipt_url, body, after=float(self.settings["receipt_delay"]))


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
