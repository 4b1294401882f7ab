"""Seeing that systems go on telling us: missing subscriptions are made, ending ones renewed, disabled ones switched on.

Many systems switch a subscription off when we could not be reached for a while, or let it end after some days, and say
so to nobody. This looks every hour. What cannot be mended by itself is shown to people.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from audit import subscriptions as record
from audit.store import Store
from audit.subscriptions import Kept
from connectors.base import AskFailed, Hook, Made, Subscribes, Subscriptions, Wish
from inbound.sources import Source
from wire.http import Client, Forbidden, NotSent, Unclear

log = logging.getLogger("tidings.inbound")
RENEW_BEFORE = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look found and did. `secrets` are those the system made up, by subscription; they are told once."""

    kept: Sequence[Kept] = ()
    made: Sequence[str] = ()
    renewed: Sequence[str] = ()
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    trouble: str = ""


@dataclass(slots=True)
class Subscribing:
    """Looks after the subscriptions of the sources that wish it (`subscribe = true`)."""

    sources: Mapping[str, Source]
    store: Store
    address: str
    _troubles: dict[str, str] = field(default_factory=dict)

    def look_after_all(self, now: datetime) -> None:
        """Look after every source that wishes it."""
        for source in self.sources.values():
            if source.subscribe and hasattr(source.connector, "subscriptions"):
                self.look_after(source, now)

    def look_after(self, source: Source, now: datetime, *, by_hand: bool = False) -> Looked:
        """Look after one source, and write down how it stands. `by_hand`: somebody can write down a new secret."""
        address = f"{self.address}/hooks/{source.name}"
        http = Client(hosts=tuple(source.connector.hosts), read=20.0)
        try:
            found = _Look(source, cast("Subscribes", source.connector).subscriptions(), http, address).after(
                now, by_hand=by_hand
            )
        except (AskFailed, NotSent, Unclear, Forbidden) as failure:
            found = Looked(trouble=str(failure))
        except Exception as error:
            log.exception("subscriptions not looked after", extra={"source": source.name})
            found = Looked(trouble=f"{type(error).__name__} in the connector {source.connector.name}")
        self._write(source.name, found, now)
        return found

    def notices(self) -> list[str]:
        """Say what people have to see to."""
        return [f"{name} may not tell us any more: {trouble}" for name, trouble in self._troubles.items()]

    def _write(self, name: str, found: Looked, now: datetime) -> None:
        if found.kept:
            self.store.write(lambda tx: record.saw(tx, name, found.kept, found.trouble, now))
        else:
            self.store.write(lambda tx: record.failed(tx, name, found.trouble, now))
        if found.trouble:
            self._troubles[name] = found.trouble
            log.warning("subscription in trouble", extra={"source": name, "detail": found.trouble})
        else:
            self._troubles.pop(name, None)
        if found.made or found.renewed:
            log.info("subscriptions", extra={"source": name, "made": len(found.made), "renewed": len(found.renewed)})


@dataclass(frozen=True, slots=True)
class _Look:
    source: Source
    there: Subscriptions
    http: Client
    address: str

    def after(self, now: datetime, *, by_hand: bool) -> Looked:
        mine = [hook for hook in self.there.hooks(self.http) if _same(hook.address, self.address)]
        troubles, renewed = [], []
        for hook in mine:
            if not hook.is_on or (hook.ends_at is not None and hook.ends_at - now < RENEW_BEFORE):
                try:
                    self.there.renew(hook, self._wish(hook.topics or self.there.topics), self.http)
                    renewed.append(hook.id)
                except AskFailed as failure:
                    troubles.append(str(failure))
        missing = self._missing(mine)
        if missing and self.there.gives_secret and not by_hand:
            troubles.append(
                f"it has no subscription to {', '.join(missing[:3])}, and a new one comes with a new secret: "
                f"run tidings sources subscribe {self.source.name}."
            )
            missing = []
        made = [self.there.subscribe(self._wish(topics), self.http) for topics in self._groups(missing)]
        return Looked(
            kept=[*_kept(mine, set(renewed)), *_kept([one.hook for one in made], set())],
            made=[one.hook.id for one in made],
            renewed=renewed,
            secrets=_secrets(made),
            trouble="; ".join(dict.fromkeys(troubles)),
        )

    def _missing(self, mine: Sequence[Hook]) -> list[str]:
        if any(not hook.topics for hook in mine):
            return []
        told = {topic for hook in mine for topic in hook.topics}
        return [topic for topic in self.there.topics if topic not in told and _wild(topic) not in told]

    def _groups(self, missing: Sequence[str]) -> list[tuple[str, ...]]:
        if self.there.at_once:
            return [tuple(missing)] if missing else []
        return [(topic,) for topic in missing]

    def _wish(self, topics: Sequence[str]) -> Wish:
        secret = next((secret for secret in self.source.secrets if secret), "")
        return Wish(address=self.address, secret=secret, topics=tuple(topics))


def remove(source: Source, address: str) -> int:
    """Take back every subscription to our address; return how many. Raises AskFailed."""
    http = Client(hosts=tuple(source.connector.hosts), read=20.0)
    there = cast("Subscribes", source.connector).subscriptions()
    mine = [hook for hook in there.hooks(http) if _same(hook.address, f"{address}/hooks/{source.name}")]
    for hook in mine:
        there.unsubscribe(hook, http)
    return len(mine)


def _kept(hooks: Iterable[Hook], renewed: set[str]) -> list[Kept]:
    return [
        Kept(
            id=hook.id, topics=tuple(hook.topics), ends_at=hook.ends_at,
            state="renewed" if hook.id in renewed else "on" if hook.is_on else "off",
        )
        for hook in hooks
    ]  # fmt: skip


def _secrets(made: Iterable[Made]) -> dict[str, str]:
    return {one.hook.id: one.secret for one in made if one.secret}


def _same(theirs: str, ours: str) -> bool:
    return theirs.partition("?")[0].rstrip("/") == ours.rstrip("/")


def _wild(topic: str) -> str:
    """Return the topic that stands for all: *.* for *.deal."""
    return "*.*" if topic.startswith("*.") else "*"
