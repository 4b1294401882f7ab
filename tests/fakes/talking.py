"""A phone that writes back: the world of stories with the inbox and the steps that follow a reply."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from dispatch.replying import Automatic, Replying
from inbound.receipts import Inbox
from model.event import Event
from model.reasons import Gone, Unreachable
from model.sending import Change, Reply
from tests.fakes.world import PHONE, World

OURS = "+493023125001"
AUTOMATIC = Automatic(
    stop={"en": "You get no more texts from us.", "de": "Sie bekommen keine SMS mehr von uns."},
    start={"en": "Welcome back."},
    help={"en": "Example Ltd, help@shop.example"},
)


@dataclass(slots=True)
class Talk:
    """What the phone says goes through the real inbox; `told` is what the source was told."""

    world: World
    automatic: Automatic = AUTOMATIC
    one_stop: bool = True
    troubles: list[Exception] = field(default_factory=list)
    told: list[tuple[str, Change]] = field(default_factory=list)
    count: int = 0

    @property
    def replying(self) -> Replying:
        world = self.world
        return Replying(
            store=world.store, book=lambda: world.worker.book, new_id=world.ids, automatic=self.automatic,
            write=self._write,
        )  # fmt: skip

    def _write(self, event: Event, change: Change, now: datetime) -> None:
        if self.troubles:
            raise self.troubles.pop(0)
        self.told.append((event.key, change))

    def hears(self, text: str, number: str = PHONE, *, to: str = OURS, opt_out: bool = False, id: str = "") -> None:  # noqa: A002
        """Let the phone write; nothing follows yet."""
        self.count += 1
        reply = Reply(id=id or f"r{self.count}", number=number, to=to, text=text, opt_out=opt_out)
        Inbox(store=self.world.store, clock=lambda: self.world.now, one_stop=self.one_stop).replies("main", [reply])

    def says(self, text: str, number: str = PHONE, **more: Any) -> dict[str, Any]:
        """Let the phone write and everything follow; return the reply as it is kept."""
        self.hears(text, number, **more)
        self.follow()
        return self.last

    def follow(self) -> None:
        while self.replying.answer_due(self.world.now):
            pass
        while self.replying.write_due(self.world.now):
            pass
        self.world.step()

    @property
    def last(self) -> dict[str, Any]:
        return self.world.rows("select * from replies order by rowid desc limit 1")[0]

    @property
    def inbox(self) -> list[str]:
        return self.world.phone.inbox


NO_ANSWER, NO_RECORD = Unreachable("crm.example: ReadTimeout"), Gone("CRM answered 404.")
