"""Lists for people: newest first, narrowed by any filter, page by page.

Each filter alone is an index; which one drives is decided here, because a planner without statistics guesses.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from audit import finding
from audit.paging import PAGE, BadCursor, Page, Query, Turn, page_of, turn_of, walk
from audit.rows import ms
from audit.store import Row, Store, Tx

SLACK = 500
"""Rows that may share a millisecond at the edge of a time range."""

DECISION = """
select journal.id, journal.at, journal.event_id, journal.message_id, journal.source, journal.type, journal.rule,
    journal.step, journal.reason, journal.place, events.key, messages.number, messages.state,
    messages.reason as ending, messages.due_at, traces.gates
"""
BESIDE = """
left join events on events.id = journal.event_id
left join traces on traces.journal_id = journal.id
"""
BY_JOURNAL = f"from journal left join messages on messages.id = journal.message_id {BESIDE}"
BY_MESSAGE = f"""
from messages cross join journal on journal.message_id = messages.id and journal.message_id <> '' {BESIDE}
"""
BY_EVENT = """
select journal.id from candidates
cross join journal on journal.event_id = candidates.event_id and journal.event_id <> ''
left join messages on messages.id = journal.message_id
"""
BY_PAGE = f"""
from page cross join journal on journal.id = page.id
left join messages on messages.id = journal.message_id {BESIDE}
"""
EVENT = "select id, source, type, native_type, key, received_at, state, error, test from events"
MESSAGE = """
select id, event_id, source, event_type as type, rule, step, key, number, state, reason, created_at, due_at, gateway,
    segments, replied_at
from messages
"""
FIRST_DECISION = """
select min(id) as id from (select id from journal where kind = 'decision' and at >= :at order by at
    limit :slack) as near
"""
LAST_DECISION = """
select max(id) as id from (select id from journal where kind = 'decision' and at <= :at order by at desc
    limit :slack) as near
"""
FIRST_TEXT = """
select min(id) as id from (select id from messages where created_at >= :at order by created_at
    limit :slack) as near
"""
LAST_TEXT = """
select max(id) as id from (select id from messages where created_at <= :at order by created_at desc
    limit :slack) as near
"""
EDGES = {
    "journal.id": ("journal.at", FIRST_DECISION, LAST_DECISION),
    "messages.id": ("messages.created_at", FIRST_TEXT, LAST_TEXT),
}
"""Both grow with time, so a time is a place in them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What to show; empty means everything.

    `spellings` are the ways in which events may write `number`; `skipped` leaves only decisions without a text.
    """

    number: str = ""
    spellings: Sequence[str] = ()
    source: str = ""
    type: str = ""
    rule: str = ""
    states: Sequence[str] = ()
    reasons: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None
    words: str = ""
    skipped: bool = False


def decisions(store: Store, wanted: Filter, *, before: str = "", after: str = "", limit: int = PAGE) -> Page:
    """List what rules decided, with the text each decision led to. Raises BadCursor."""
    turn = turn_of(before, after, limit)
    query = _decisions(wanted)
    if turn.cursor and turn.cursor.isdigit() is not (query.key == "journal.id"):
        raise BadCursor(turn.cursor)
    rows: list[Row] = []
    with store.read() as tx:
        words = finding.sought(tx, wanted.words)
        if not (_in_time(tx, query, wanted) and _found(tx, query, wanted, turn, words.query)):
            return Page(rows=(), cut=words.cut)
        # One narrow walk per state and reason instead of one that has to sort them all.
        for state in wanted.states or ("",):
            for reason in wanted.reasons or ("",):
                one = query.copy()
                one.equal("messages.state", "state", state)
                one.equal("journal.reason", "reason", reason)
                rows += walk(tx, DECISION, one, turn)
    page = page_of([_decision(row) for row in rows], "id" if query.key == "journal.id" else "message_id", turn)
    return replace(page, cut=words.cut)


def _decisions(wanted: Filter) -> Query:
    """Choose what drives: the events of a number or word, else the texts in a state, else the journal itself."""
    if wanted.number or wanted.words:
        query = Query(BY_EVENT, "journal.id", whole=BY_PAGE)
    elif wanted.states:
        query = Query(BY_MESSAGE, "messages.id")
    else:
        query = Query(BY_JOURNAL, "journal.id")
    query.where.append("journal.kind = 'decision'")
    if wanted.skipped:
        query.where.append("journal.reason <> 'send'")
    # A text knows these as well, under the indexes that lead to it.
    table, event_type = ("messages", "event_type") if query.key == "messages.id" else ("journal", "type")
    query.equal(f"{table}.source", "source", wanted.source)
    query.equal(f"{table}.{event_type}", "type", wanted.type)
    query.equal(f"{table}.rule", "rule", wanted.rule)
    return query


def _found(tx: Tx, query: Query, wanted: Filter, turn: Turn, words: str) -> bool:
    """Start from the events that hold the words and concern the number, if any are wanted; False where none can.

    `words` is the full-text query of the words.
    """
    if not (wanted.number or wanted.words):
        return True
    if wanted.words and not words:
        return False
    ends = [int(turn.cursor)] if turn.cursor else []
    if not turn.newer and wanted.until is not None:
        ends.append(query.values["until_key"])
    edge = finding.edge(tx, min(ends), newer=turn.newer) if ends else None
    query.candidates, values = finding.candidates(words, wanted.number, wanted.spellings, edge)
    query.values |= values
    if wanted.number:
        # A rule that sent nothing has no number; its event was found because it names this one.
        query.where.append("(messages.number = :number or journal.message_id = '')")
    return True


def _in_time(tx: Tx, query: Query, wanted: Filter) -> bool:
    """Turn times into keys, so that a range in the past costs no walk from today; False for an empty range."""
    column, first, last = EDGES[query.key]
    for name, sql, sign, value in (("since", first, ">=", wanted.since), ("until", last, "<=", wanted.until)):
        if value is not None:
            edge = tx.execute(sql, {"at": ms(value), "slack": SLACK}).fetchone()["id"]
            if edge is None:
                return False
            # The plus keeps the planner from walking the times instead of the keys.
            query.where += [f"+{column} {sign} :{name}", f"{query.key} {sign} :{name}_key"]
            query.values |= {name: ms(value), f"{name}_key": edge}
    return True


def _decision(row: Row) -> dict[str, Any]:
    gates = row["gates"]
    return {**dict(row), "detail": json.loads(gates)["detail"] if gates else ""}


def events(
    store: Store, *, state: str = "", source: str = "", before: str = "", after: str = "", limit: int = PAGE
) -> Page:
    """List events. Raises BadCursor."""
    query = Query("", "events.id")
    # Of two indexes the narrower one has to lead; nearly every event is planned, few are in another state.
    hidden = "" if not (state and source) else "state" if state == "planned" else "source"
    query.equal("state" if hidden != "state" else "(state || '')", "state", state)
    query.equal("source" if hidden != "source" else "(source || '')", "source", source)
    return _list(store, EVENT, query, turn_of(before, after, limit))


def messages(store: Store, wanted: Filter, *, before: str = "", after: str = "", limit: int = PAGE) -> Page:
    """List texts, narrowed by number, states, rule and time. Raises BadCursor."""
    query, turn = Query("", "messages.id"), turn_of(before, after, limit)
    for name in ("number", "rule"):
        query.equal(name, name, getattr(wanted, name))
    rows: list[Row] = []
    with store.read() as tx:
        if not _in_time(tx, query, wanted):
            return Page(rows=())
        for state in wanted.states or ("",):
            one = query.copy()
            one.equal("state", "state", state)
            rows += walk(tx, MESSAGE, one, turn)
    return page_of([dict(row) for row in rows], "id", turn)


def _list(store: Store, select: str, query: Query, turn: Turn) -> Page:
    with store.read() as tx:
        return page_of([dict(row) for row in walk(tx, select, query, turn)], "id", turn)


def events_with_key(store: Store, key: str, limit: int = 2) -> list[str]:
    """Return the newest events about a record."""
    with store.read() as tx:
        rows = tx.execute("select id from events where key = ? order by id desc limit ?", (key, limit))
        return [row["id"] for row in rows]


def events_with_words(store: Store, words: str, limit: int = 2) -> list[str]:
    """Return the newest events in which all words occur."""
    with store.read() as tx:
        return finding.newest(tx, words, limit)


def number_of(store: Store, message_id: str) -> str:
    """Return the number a text went to, so that an address can name a phone without showing its number."""
    with store.read() as tx:
        row = tx.execute("select number from messages where id = ?", (message_id,)).fetchone()
        return str(row["number"]) if row else ""


def exists(store: Store, table_id: str) -> str:
    """Tell what an id names: "events", "messages" or ""."""
    with store.read() as tx:
        if tx.execute("select 1 from events where id = ?", (table_id,)).fetchone():
            return "events"
        return "messages" if tx.execute("select 1 from messages where id = ?", (table_id,)).fetchone() else ""
