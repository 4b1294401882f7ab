"""A campaign and codes in one service: a list, a started campaign, and somebody who asks for codes at a steady pace."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import io
import json
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from audit.store import Store
from dispatch.campaigning import Campaigns
from model.ids import Ids
from rules.load import load
from tests.fakes.service import SECRET, SOURCES, Service

RULES = """\
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin, quiet_hours: ignore, on_unknown: retry}
rules:
  - id: sale
    campaign: {audience: {from: lists/all.csv}, start: now, approve: 1}
    to: [phone]
    text: "Sale {{ n }}. STOP to leave"
  - id: login
    event: verification.requested
    to: [phone]
    priority: otp
    ttl: 10m
    text: "Code {{ code }}"
"""
CODES: Mapping[str, Mapping[str, Any]] = {
    "ticks": {**SOURCES["ticks"], "types": {"tick": "custom.tick", "code": "verification.requested"}}
}


def bulk_number(n: int) -> str:
    """Return the phone of a person of the list; none of them is anybody's here, all texts go to 127.0.0.1."""
    return f"+491713{n:06d}"


def begin(service: Service, people: int) -> str:
    """Write the settings, read a list and start its campaign before the service runs; return the campaign's id."""
    service.write()
    file = io.BytesIO()
    file.write(b"phone,n\n")
    for n in range(people):
        file.write(f"{bulk_number(n)},{n}\n".encode())
    file.seek(0)
    book = load(service.rules_path)
    with closing(Store(service.database)) as store:
        office = Campaigns(store=store, book=lambda: book, new_id=Ids(lambda: datetime.now(UTC), node=1))
        now = datetime.now(UTC)
        campaign = office.prepare("sale", office.read_list(file, "all.csv", "sale", "Olu", now), "Olu", now)
        office.approve(campaign, "Mara", now)
        office.start(campaign, "Mara", now)
    return campaign


def unclear(service: Service) -> set[str]:
    """Return the texts of which nobody knows yet whether the provider has them."""
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True, timeout=30)) as connection:
        rows = connection.execute("select text, number from messages where state = 'unknown'").fetchall()
    # What a code said is not kept; the phone that asked for it tells which one it was.
    return {f"Code {number[-6:]}" if number.startswith("+491714") else text for text, number in rows}


def left(service: Service, *, clear: bool = True) -> int:
    """Count the people who have no text on record yet, and the texts that wait or (`clear`) whose fate is unknown."""
    open_states = "('queued', 'submitting', 'unknown')" if clear else "('queued', 'submitting')"
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True, timeout=30)) as connection:
        state, planned, skipped, people = connection.execute(
            "select state, planned, skipped, (select rows from lists where lists.id = list_id) from campaigns"
        ).fetchone()
        waiting = connection.execute(
            f"select count(*) from messages where state in {open_states}"  # noqa: S608 - fixed words
        ).fetchone()[0]
    return int(waiting + people - planned - skipped) + int(state != "done")


@dataclass(slots=True)
class Asked:
    """One code: when it was first asked for, and when the request began that was answered with 2xx."""

    first: float
    accepted: float = 0.0


@dataclass(slots=True)
class Asker:
    """Asks for codes at a steady pace, and again where there was no answer, as a login page does."""

    port: int
    per_minute: float
    codes: dict[str, Asked] = field(default_factory=dict)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to ask."""
        thread = threading.Thread(target=self._pace, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self) -> None:
        """Ask no more; return once everything asked for is accepted."""
        self._stop.set()
        for thread in list(self._threads):
            thread.join(60)

    def _pace(self) -> None:
        begin, number = time.monotonic(), 0
        while not self._stop.wait(max(0.0, begin + number * 60 / self.per_minute - time.monotonic())):
            thread = threading.Thread(target=self._ask, args=(number,), daemon=True)
            self._threads.append(thread)
            thread.start()
            number += 1

    def _ask(self, number: int) -> None:
        asked = self.codes[f"Code {number:06d}"] = Asked(time.time())
        data = {"code": f"{number:06d}", "phone": f"+491714{number:06d}"}
        body = json.dumps({"id": f"code-{number}", "type": "code", "data": data}).encode()
        proof = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"content-type": "application/json", "x-signature": proof}
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            began = time.time()
            try:
                with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
                    connection.request("POST", "/hooks/ticks", body, headers)
                    if connection.getresponse().status == 200:
                        asked.accepted = began
                        return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.05)


def kill_and_start(service: Service, reached: Callable[[], bool], patience: float = 60.0) -> None:
    """Let a running service get so far, end it as a power cut would, and start it again."""
    deadline = time.monotonic() + patience
    while not reached() and time.monotonic() < deadline:
        time.sleep(0.02)
    service.kill()
    service.start()
