"""Every address that reads a big database: each list with every single filter, stories, reports, the API.

Samples (a phone, a record, ids from the middle) come from the database itself, so that the walk fits any.

Long because it lists every address, with the samples each needs.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

from werkzeug.test import Client

import app
from audit import figures, keys, people, sessions
from audit.keys import KeyWish
from audit.people import Newcomer
from audit.rows import at, dump, ms
from audit.store import Store
from bench import flows
from model.access import Permission, Role
from settings import Settings
from web import access
from web.api import cursors
from web.api.conversations import ConversationsAsked
from web.api.events import EventsAsked
from web.api.message_shapes import MessagesAsked
from web.api.shapes import Paged

LIST, PAGE, API = "list", "page", "API"
SHAPES: dict[str, type[Paged]] = {
    "messages": MessagesAsked, "events": EventsAsked, "conversations": ConversationsAsked,
}  # fmt: skip
SAMPLES = """
select (select id from events where state = 'planned' order by id limit 1) as first_event,
    (select id from messages order by id limit 1) as first_message,
    (select max(received_at) from (select received_at from events order by id desc limit 1)) as newest,
    (select min(received_at) from (select received_at from events order by id limit 1)) as oldest,
    (select max(id) / 2 from journal) as middle
"""
NEAR = """
select journal.id as decision, messages.id as message, messages.event_id as event, messages.number, messages.created_at,
    events.key, events.data
from journal cross join messages on messages.id = journal.message_id
cross join events on events.id = messages.event_id
where journal.id >= ? and journal.kind = 'decision' and messages.state = 'delivered' order by journal.id limit 1
"""
RULES = "version: 1\ndefaults: {region: DE, locale: en, tz: Europe/Berlin}\nrules:\n" + "".join(
    f"  - id: {rule}\n    event: {kind}\n    to: [customer.phone]\n"
    f'    text: "Hi {{{{ customer.first_name }}}}, {rule} {{{{ number }}}} is on its way."\n'
    for _, _, kind, _, rule, *_ in flows.KINDS
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """One address. `kind` says which budget it has: a list with one filter, any other page, the API."""

    name: str
    path: str
    kind: str = PAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Something from the middle of the record, and when the record begins and ends."""

    decision: int
    message: str
    event: str
    number: str
    key: str
    then: datetime
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """The service over a database, not started, and an admin and a program that ask it."""

    made: app.Tidings
    browser: Client
    program: Client
    headers: dict[str, str]
    cursor_key: str

    @property
    def store(self) -> Store:
        """The store."""
        return self.made.store

    def get(self, stop: Stop) -> tuple[int, int]:
        """Ask for an address; return its status and how many bytes came."""
        asks, headers = (self.program, self.headers) if stop.kind is API else (self.browser, {})
        answer = asks.get(stop.path, headers=headers)
        with closing(answer):
            return answer.status_code, len(answer.get_data())


def settings(path: Path, folder: Path) -> Settings:
    """Set up the invented business over a database; its rules are written into `folder`."""
    (folder / "rules.yaml").write_text(RULES, "utf-8")
    given = {
        "mode": "live", "database": f"sqlite:///{path.resolve()}", "rules": str(folder / "rules.yaml"),
        "gateways": {name: {"kind": "console", "show": False} for name in flows.GATEWAYS},
        "routes": {"order": list(flows.GATEWAYS)},
        "sources": {
            source: {"connector": "generic", "verify": "none", "id": "id", "type": "type"}
            for _, source, *_ in flows.KINDS
        },
        "limits": {"api_per_minute": 1_000_000},
    }  # fmt: skip
    return Settings.model_validate(given)


@contextmanager
def opened(path: Path, folder: Path) -> Iterator[House]:
    """Open the service over a database, with the clock where the database ends."""
    with closing(Store(path)) as store, store.read() as tx:
        row = tx.execute(SAMPLES).fetchone()
        now = at(row["newest"]) + timedelta(seconds=1)
    made = app.build(settings(path, folder), lambda: now, seed=1)
    try:
        figures.refresh(made.store, now)  # the job that runs every minute
        gc.freeze()  # as the process that serves does
        yield _house(made, now)
    finally:
        made.store.close()


def _house(made: app.Tidings, now: datetime) -> House:
    name = f"bench-{now:%Y%m%d%H%M%S%f}"
    wish = KeyWish(name=name, kind="live", scopes=frozenset(Permission), actor="bench")
    with made.store.read() as tx:
        person = people.find(tx, "bench")
        known = {key.name for key in keys.everyone(tx) if key.revoked_at is None}
    if person is None:
        newcomer = Newcomer(name="bench", role=Role.ADMIN, password="", new=False, actor="bench")
        person = made.store.write(lambda tx: people.add(tx, newcomer, now))
    admin = person
    if name in known:
        made.store.write(lambda tx: keys.revoke(tx, name, "bench", now))
    _, secret = made.store.write(lambda tx: keys.create(tx, wish, now))
    token = made.store.write(lambda tx: sessions.begin(tx, admin, "127.0.0.1", "bench", now))
    with made.store.read() as tx:
        receipt_key = str(tx.execute("select value from settings where name = 'receipt_key'").fetchone()["value"])
    browser = Client(made.wsgi)
    browser.set_cookie(access.cookie(made.settings.entrance), token)
    return House(
        made=made, browser=browser, program=Client(made.wsgi), headers={"Authorization": f"Bearer {secret}"},
        cursor_key=app.token_of(receipt_key, "/api"),
    )  # fmt: skip


def sample(store: Store) -> Sample:
    """Find something in the middle of a database."""
    with store.read() as tx:
        ends = tx.execute(SAMPLES).fetchone()
        row = tx.execute(NEAR, (ends["middle"],)).fetchone()
    return Sample(
        decision=row["decision"], message=row["message"], event=row["event"], number=row["number"], key=row["key"],
        then=at(row["created_at"]), now=at(ends["newest"]),
    )  # fmt: skip


def stops(house: House) -> Iterator[Stop]:
    """Yield every address with a name."""
    one = sample(house.store)
    yield from _lists(one)
    yield from _stories(one)
    yield from _pages()
    yield from _api(house, one)


def _lists(one: Sample) -> Iterator[Stop]:
    then, later = (f"{moment:%Y-%m-%dT%H:%M}" for moment in (one.then, one.then + timedelta(hours=6)))
    day = f"{one.then:%Y-%m-%d}"
    both = {"since": day, "until": day}
    shared = {
        "": {}, "source": {"source": "shop"}, "rare source": {"source": "auth"}, "rule": {"rule": "order-confirmed"},
        "since": {"since": then}, "until": {"until": then}, "a day": both, "six hours": {"since": then, "until": later},
    }  # fmt: skip
    states = ("delivered", "rejected", "unknown", "queued", "any_failure", "any_way", "cancelled")
    reasons = ("send", "any_skip", "no_recipient", "quiet_hours", "when", "expired")
    audit = {
        **shared, "type": {"type": "invoice.overdue"}, "number": {"number": one.number}, "word": {"q": one.key},
        "common word": {"q": "Anna"}, "two words": {"q": f"Anna {one.key}"}, "nonsense": {"q": "zzyzx"},
        "beginning": {"q": "confir"}, "beginning of very many words": {"q": one.key[:4]},
        **{f"state {state}": {"state": state} for state in states},
        **{f"reason {reason}": {"reason": reason} for reason in reasons},
        "rule and state": {"rule": "code", "state": "failed"},
        "rule and reason": {"rule": "code", "reason": "opted_out"},
        "source, reason and day": {"source": "crm", "reason": "any_skip", **both},
        "number and state": {"number": one.number, "state": "delivered"},
    }  # fmt: skip
    messages = {
        **{name: asked for name, asked in shared.items() if "source" not in name}, "number": {"number": one.number},
        **{f"state {state}": {"state": state} for state in states},
        "rule and state": {"rule": "code", "state": "failed"},
    }  # fmt: skip
    events = {
        "": {}, "source": {"source": "shop"}, "rare source": {"source": "auth"}, "no such source": {"source": "none"},
        **{f"state {state}": {"state": state} for state in ("planned", "unreadable", "failed", "received")},
        "source and state": {"source": "auth", "state": "failed"},
    }  # fmt: skip
    cursor = {"audit": str(one.decision), "messages": one.message, "events": one.event}
    for page, filters in (("audit", audit), ("messages", messages), ("events", events)):
        for name, asked in filters.items():
            by_text = page == "audit" and "state" in asked and "number" not in asked
            deep = {**asked, "before": one.message if by_text else cursor[page]}
            yield Stop(name=f"{page} {name}".strip(), path=f"/console/{page}?{urlencode(asked)}", kind=LIST)
            yield Stop(
                name=f"{page} {name}, deep".replace(" ,", ","), path=f"/console/{page}?{urlencode(deep)}", kind=LIST
            )


def _stories(one: Sample) -> Iterator[Stop]:
    asked = {
        "number": one.number, "record": one.key, "text id": one.message, "event id": one.event, "rule": "code",
        "words": "Anna Tomasz", "nothing": "zzyzx", "beginning": "deliv",
    }  # fmt: skip
    for name, value in asked.items():
        yield Stop(name=f"search box, {name}", path=f"/console/search?{urlencode({'q': value})}")
    yield Stop(name="event", path=f"/console/events/{one.event}")
    yield Stop(name="text", path=f"/console/messages/{one.message}")
    yield Stop(name="timeline of a phone", path=f"/console/timeline?{urlencode({'number': one.number})}")
    yield Stop(name="timeline of a record", path=f"/console/timeline?{urlencode({'key': one.key})}")
    yield Stop(name="consent of a phone", path=f"/console/consent?{urlencode({'number': one.number})}")
    yield Stop(name="conversations, deep", path=f"/console/conversations?before=0-{ms(one.then)}-1")
    yield Stop(name="consent by text", path=f"/console/consent?{urlencode({'phone_of': one.message})}")


def _pages() -> Iterator[Stop]:
    plain = (
        "", "conversations", "conversations/7", "consent", "rules", "rules/edit", "rules/history", "sources",
        "sources/shop", "gateways", "gateways/alpha", "status", "send", "replay", "people", "account", "reports",
    )  # fmt: skip
    for page in plain:
        yield Stop(name=page or "home", path=f"/console/{page}")
    yield Stop(name="replay of a day", path="/console/replay?source=shop")
    for by in ("rule", "campaign", "source", "gateway", "country"):
        for days in (7, 30, 90, 365):
            yield Stop(name=f"report by {by}, {days} days", path=f"/console/reports?by={by}&days={days}")
    yield Stop(name="report as a spreadsheet", path="/console/reports.csv?days=90")
    yield Stop(name="metrics", path="/metrics")


def _api(house: House, one: Sample) -> Iterator[Stop]:
    lists: dict[str, list[dict[str, str]]] = {
        "messages": [
            {}, {"state": "delivered"}, {"state": "unknown"}, {"number": one.number}, {"rule": "code"},
            {"since": one.then.isoformat()}, {"until": one.then.isoformat()},
        ],
        "events": [{}, {"state": "failed"}, {"state": "planned"}, {"source": "auth"}],
        "conversations": [{}],
    }  # fmt: skip
    places = {"messages": one.message, "events": one.event, "conversations": f"0-{ms(one.then)}-1"}
    for name, filters in lists.items():
        for asked in filters:
            said = " ".join(asked)
            yield Stop(name=f"API {name} {said}".strip(), path=f"/api/v1/{name}?{urlencode(asked)}", kind=API)
        listed = sorted(SHAPES[name]().model_dump(mode="json", exclude={"cursor", "limit"}).items())
        cursor = cursors.write(house.cursor_key, f"/api/v1/{name}{dump(listed)}", places[name])
        yield Stop(name=f"API {name}, deep", path=f"/api/v1/{name}?{urlencode({'cursor': cursor})}", kind=API)
    single = {"text": f"messages/{one.message}", "event": f"events/{one.event}", "conversation": "conversations/7"}
    plain = {name: name for name in ("reports", "reports?by=day", "sources", "gateways", "rules", "webhooks")}
    for name, path in {**single, **plain}.items():
        yield Stop(name=f"API {name}", path=f"/api/v1/{path}", kind=API)
    yield Stop(name="API consent", path=f"/api/v1/consent/{one.number.replace('+', '%2B')}", kind=API)
