"""The sealing job: seals what is new, and writes each seal to the other place the operator named."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path

from audit import kept, seals
from audit.seals import Anchor
from audit.store import Store
from wire.http import Call, Client, Forbidden, NotSent, Unclear

log = logging.getLogger("tidings.audit")
EXPORTED = "seals_exported"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealing:
    """`export_to` is a file that only grows, or an address that takes a POST of one JSON line per seal."""

    store: Store
    key: str = ""
    export_to: str = ""

    def step(self, now: datetime) -> int:
        """Seal everything up to now and export what is not exported yet; return the number of new seals."""
        made = 0
        while self.store.write(lambda tx: seals.seal(tx, self.key, now)):
            made += 1
        if self.export_to:
            self._export(now)
        return made

    def _export(self, now: datetime) -> None:
        with self.store.read() as tx:
            done = int(kept.recall(tx, EXPORTED) or 0)
            waiting = tx.execute(
                "select number, last, digest from seals where number > ? order by number", (done,)
            ).fetchall()
        for each in waiting:
            anchor = Anchor(number=each["number"], last=each["last"], digest=each["digest"])
            try:
                self._write(anchor)
            except (OSError, NotSent, Unclear, Forbidden) as error:  # the next run tries again
                log.warning("seal not exported", extra={"seal": anchor.number, "error": type(error).__name__})
                return
            self.store.write(partial(kept.remember, name=EXPORTED, value=str(anchor.number), now=now))

    def _write(self, anchor: Anchor) -> None:
        if self.export_to.startswith(("https://", "http://")):
            body = anchor.line().encode()
            call = Call(method="POST", url=self.export_to, headers={"content-type": "application/json"}, body=body)
            reply = Client().send(call)
            if reply.status >= 300:
                raise Unclear(f"it answered {reply.status}")
            return
        with Path(self.export_to).open("a", encoding="utf-8") as file:
            file.write(anchor.line() + "\n")
            file.flush()
            os.fsync(file.fileno())
