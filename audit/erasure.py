"""Erasing a person: every place that names them is overwritten, the journal and its seals stay as they are.

The journal holds ids and reasons, no numbers and no texts, so nothing in it has to change. A wish to receive no texts
must outlive the person's data: of it a hash stays, which says nothing until that number is about to be texted.
What cannot be overwritten here is a backup made before: keep those no longer than the law of your country allows.

Long because every table that can name a person has a step here, and none must be missing.
"""

from __future__ import annotations

import itertools
import json
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from audit import consent, contacts, journal, list_removal
from audit.rows import at, ms
from audit.store import Store, Tx

PAGE = 2_000
CHUNK = 200
FEWEST_DIGITS = 7
"""Digits of a number that must fit where it is written without its country."""
BETWEEN = r"[ \t./()\u00a0\u2011-]{0,3}"
"""What people write between the digits of one number."""

IN_EVENTS = """
select id, source, data, raw, transport_id, key, lookup, error from events where id > ? order by id limit ?
"""
IN_BODIES = "select id, body, url from bodies where id > ? order by id limit ?"
OF_CUSTOMER = "select id from events where source = ? and json_extract(data, '$.customer.id') = ?"
OF_BODY = "select id from events where body_id = ?"
OF_NUMBER = "select event_id from messages where number = :number or sent_to = :number"

# `:number` is the person's; `erasing` holds the events about them, `naming` the business keys that hold the number.
OVERWRITE = """
update messages set number = '', sent_to = '', number_field = '', warning = '', text = '', secret = '', items = '',
    throttle_key = '', salt = ''
where number = :number or sent_to = :number or event_id in (select id from erasing);

update replies set number = '', our_number = '', text = '' where number = :number;
delete from conversations where number = :number;
update verifications set number = '', prefix = '', evidence = '', subject = '' where number = :number;
delete from verification_sends where number = :number;
delete from list_rows where number = :number;
delete from reply_parts where number = :number;
delete from contacts where id in (select id from erasing_contacts);
update write_backs set fields = '{}', note = '' where event_id in (select id from erasing);

update links set target = '' where message_id in (
    select id from messages where event_id in (select id from erasing));

delete from telling_failures where telling_id in (select id from tellings where body like '%' || :number || '%');
delete from tellings where body like '%' || :number || '%'
    or ref in (select id from messages where event_id in (select id from erasing));
delete from outbox where ref = :number
    or message_id in (select id from messages where event_id in (select id from erasing));

delete from traces where event_id in (select id from erasing);
delete from finder where rowid in (select found from events where id in (select id from erasing));
delete from bodies where id in (select body_id from events where id in (select id from erasing));
update events set data = '{}', raw = null, lookup = '', error = '', transport_id = '', found = 0,
    key = case when key in (select key from naming) then '' else key end
where id in (select id from erasing)
"""
ONE_EVENT = "select id, source, type, key, occurred_at, received_at, data from events where id = ?"
KNOWN = {
    "messages": "select id, event_id, rule, created_at, submitted_at, state, sent_to, text, locale, gateway, category "
    "from messages where number = :number or sent_to = :number order by id",
    "links": "select links.message_id, links.target, links.clicks, links.clicked_at, links.last_at, links.expires_at "
    "from links join messages on messages.id = links.message_id "
    "where messages.number = :number or messages.sent_to = :number order by links.message_id, links.code",
    "replies": "select gateway, our_number, text, at, intent, message_id from replies "
    "where number = :number order by at",
    "lists": "select lists.name, lists.created_at, list_rows.row, list_rows.data from list_rows "
    "join lists on lists.id = list_rows.list_id where number = :number order by lists.id",
    "wishes": "select category, status, source, wording, channel, actor, at, noted_at from consent_history "
    "where number = :number order by id",
}
WAITING = """
update messages set state = 'cancelled', reason = 'cancelled', final_at = :now
where (number = :number or event_id in (select id from erasing)) and state in ('queued', 'submitting')
returning id, event_id
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """How much named the person."""

    events: int
    messages: int
    replies: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _About:
    """What names a person: events, business keys that hold the number, contacts."""

    events: list[str]
    keys: list[str]
    contacts: list[Any]


def erase(
    store: Store,
    number: str,
    actor: str,
    reason: str,
    now: datetime,
    progress: Callable[[str, int], object] = lambda *_: None,
) -> Erased:
    """Overwrite what names the owner of `number` (E.164). `progress` is told (what, rows looked at).

    Found are the events of texts to the number, those that hold it in any spelling, and those of the same customer at
    the same source. Waiting texts end. Runs beside the service; repeated, it finds nothing more.
    """
    found = set(_events_of(store, number, progress))
    about = _About(
        events=sorted(found), keys=_keys_with(store, found, number), contacts=_contacts(store, found, number)
    )
    counted = store.write(lambda tx: _overwrite(tx, number, about, now))
    list_removal.forget(store, number, spelled(number))
    store.write(lambda tx: consent.forget(tx, number))
    store.write(
        lambda tx: journal.note(
            tx, ms(now), "erased", actor=actor, reason=reason[:100],
            detail=f"{counted.events} events, {counted.messages} messages, {counted.replies} replies",
        )
    )  # fmt: skip
    compact(store, progress)
    return counted


def everything_about(store: Store, number: str) -> dict[str, Any]:
    """Return what is known about the owner of `number`: the answer to a subject access request."""
    events, queries = sorted(set(_events_of(store, number, lambda *_: None))), {}
    with store.read() as tx:
        found = [tx.execute(ONE_EVENT, (event_id,)).fetchone() for event_id in events]
        for what, sql in KNOWN.items():
            queries[what] = [_readable(dict(row)) for row in tx.execute(sql, {"number": number})]
    return {
        "number": number,
        "events": [_readable({**dict(row), "data": json.loads(row["data"])}) for row in found],
        "contacts": [_readable({**dict(row)}) for row in _contacts(store, events, number)],
        **queries,
    }


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    return {name: at(value).isoformat() if name.endswith("at") and value else value for name, value in row.items()}


def compact(store: Store, progress: Callable[[str, int], object] = lambda *_: None) -> None:
    """See that no overwritten word survives in the search index or in the write-ahead log."""
    pages = -500  # negative: begin by taking all segments together, however few they are
    for rounds in itertools.count(1):
        if not store.write(partial(_merge, pages=pages)):
            break
        progress("index", rounds)
        pages = 500
    store.checkpoint()


def spelled(number: str) -> re.Pattern[str]:
    """Return what finds a number however it is written: with its country or without, with spaces or without."""
    digits = number.removeprefix("+")
    tail = digits[-max(FEWEST_DIGITS, len(digits) - 3) :]
    return re.compile(BETWEEN.join(tail) + r"(?![0-9])")


def _events_of(store: Store, number: str, progress: Callable[[str, int], object]) -> Iterator[str]:
    pattern, customers = spelled(number), set[tuple[str, str]]()
    with store.read() as tx:
        texted = {row["event_id"] for row in tx.execute(OF_NUMBER, {"number": number})}
    for row in _pages(store, IN_EVENTS, "events", progress):
        words = " ".join(str(row[name] or "") for name in ("data", "raw", "transport_id", "key", "lookup", "error"))
        if row["id"] in texted or pattern.search(words):
            yield row["id"]
            customers.add((row["source"], _customer(row["data"])))
    for row in _pages(store, IN_BODIES, "requests", progress):
        if pattern.search(row["body"].decode("utf-8", "replace") + row["url"]):
            yield from _ids(store, OF_BODY, (row["id"],))
    for source, customer in customers:
        if customer not in {"", "0"}:  # many shops give their guests the number 0
            yield from _ids(store, OF_CUSTOMER, (source, customer))


def _customer(data: str) -> str:
    found = json.loads(data)
    customer = found.get("customer") if isinstance(found, dict) else None
    return str(customer.get("id") or "") if isinstance(customer, dict) else ""


def _ids(store: Store, sql: str, values: tuple[Any, ...]) -> list[str]:
    with store.read() as tx:
        return [row["id"] for row in tx.execute(sql, values)]


def _pages(store: Store, sql: str, what: str, progress: Callable[[str, int], object]) -> Iterator[Any]:
    last, done = "", 0
    while True:
        with store.read() as tx:
            rows = tx.execute(sql, (last, PAGE)).fetchall()
        yield from rows
        done += len(rows)
        progress(what, done)
        if len(rows) < PAGE:
            return
        last = rows[-1]["id"]


def _keys_with(store: Store, events: Iterable[str], number: str) -> list[str]:
    """Return the business keys of these events that are, or hold, the number itself."""
    pattern, found = spelled(number), []
    with store.read() as tx:
        for event_id in events:
            row = tx.execute("select key from events where id = ?", (event_id,)).fetchone()
            if row and pattern.search(row["key"]):
                found.append(row["key"])
    return found


def _contacts(store: Store, events: Iterable[str], number: str) -> list[Any]:
    """Return the contacts of a person: those with the number, and those their events name."""
    with store.read() as tx:
        rows = [tx.execute("select source, data from events where id = ?", (one,)).fetchone() for one in events]
        named = [(row["source"], _customer(row["data"])) for row in rows if row]
        return list(contacts.holding(tx, number, spelled(number), [one for one in named if one[1] not in {"", "0"}]))


def _overwrite(tx: Tx, number: str, about: _About, now: datetime) -> Erased:
    tx.execute("create temp table if not exists erasing (id text primary key)")
    tx.execute("create temp table if not exists naming (key text primary key)")
    tx.execute("create temp table if not exists erasing_contacts (id integer primary key)")
    tx.executemany("insert into erasing values (?) on conflict do nothing", [(event_id,) for event_id in about.events])
    tx.executemany("insert into naming values (?) on conflict do nothing", [(key,) for key in about.keys])
    tx.executemany(
        "insert into erasing_contacts values (?) on conflict do nothing", [(row["id"],) for row in about.contacts]
    )
    values = {"number": number, "now": ms(now)}
    for row in tx.execute(WAITING, values).fetchall():
        journal.note(
            tx, ms(now), "ended", event_id=row["event_id"], message_id=row["id"], reason="cancelled", actor="erasure"
        )
    counts = [tx.execute(statement, values).rowcount for statement in OVERWRITE.split(";")]
    tx.execute("delete from erasing")
    tx.execute("delete from naming")
    tx.execute("delete from erasing_contacts")
    return Erased(events=len(about.events), messages=counts[0], replies=counts[1])


def _merge(tx: Tx, pages: int) -> bool:
    """Merge a part of the search index; a word that was taken out of it is gone once nothing is left to merge."""
    if not isinstance(tx, sqlite3.Connection):  # a server has an index of its own kind
        return False
    before = tx.total_changes
    tx.execute("insert into finder (finder, rank) values ('merge', ?)", (pages,))
    return tx.total_changes - before > 1
