"""Lists for people: newest first, narrowed by any filter, page by page.

Paging is by key, never by offset, and nothing is counted, so page 1,000 costs what page 1 costs. Each filter alone is
an index; which one drives is decided here, because a planner without statistics guesses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from audit.rows import ms
from audit.store import Row, Store, Tx

PAGE = 50
MOST_HITS = 1_000
"""How many of the newest hits of a word, or of the newest texts to a number, are looked at."""
SLACK = 500
"""Rows that may share a millisecond at the edge of a time range."""
MOST_WORDS = 12
SHORTEST_PREFIX = 4
"""Shorter beginnings match so many words that the search would read the whole index."""
CURSOR = re.compile(r"[0-9]{1,18}|[a-z][0-9a-z]{1,40}")

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
BY_EVENT = f"""
from candidates cross join journal on journal.event_id = candidates.event_id and journal.event_id <> ''
left join messages on messages.id = journal.message_id {BESIDE}
"""
FOUND = "select event_id from finder where words match :words order by rowid desc limit :most"
SPELLED = "select event_id from finder where words match :spelled order by rowid desc limit :most"
TEXTED = "select event_id from messages where number = :number order by id desc limit :most"
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


class BadCursor(ValueError):  # noqa: N818 - names what is wrong
    """Somebody typed a page address that no list of ours ever had."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows, newest first, and the keys of the pages beside it ("" where there is none)."""

    rows: Sequence[Mapping[str, Any]]
    older: str = ""
    newer: str = ""


@dataclass(slots=True)
class _Query:
    """One SELECT in the making: where it starts, which key orders it, what narrows it."""

    start: str
    key: str
    where: list[str] = field(default_factory=list)
    values: dict[str, Any] = field(default_factory=dict)
    candidates: str = ""

    def copy(self) -> _Query:
        return _Query(self.start, self.key, list(self.where), dict(self.values), self.candidates)

    def equal(self, column: str, name: str, value: str) -> None:
        if value:
            self.where.append(f"{column} = :{name}")
            self.values[name] = value


@dataclass(frozen=True, slots=True)
class _Turn:
    """From which key on, in which direction, how many."""

    cursor: str
    newer: bool
    limit: int


def decisions(store: Store, wanted: Filter, *, before: str = "", after: str = "", limit: int = PAGE) -> Page:
    """List what rules decided, with the text each decision led to. Raises BadCursor."""
    turn = _turn(before, after, limit)
    with store.read() as tx:
        query = _decisions(tx, wanted)
        if query is None:
            return Page(rows=())
        if turn.cursor and turn.cursor.isdigit() is not (query.key == "journal.id"):
            raise BadCursor(turn.cursor)
        rows: list[Row] = []
        # One narrow walk per state and reason instead of one that has to sort them all.
        for state in wanted.states or ("",):
            for reason in wanted.reasons or ("",):
                one = query.copy()
                one.equal("messages.state", "state", state)
                one.equal("journal.reason", "reason", reason)
                rows += _walk(tx, DECISION, one, turn)
    return _page([_decision(row) for row in rows], "id" if query.key == "journal.id" else "message_id", turn)


def _decisions(tx: Tx, wanted: Filter) -> _Query | None:
    """Choose what drives: the events of a number or word, else the texts in a state, else the journal itself."""
    if wanted.number or wanted.words:
        query = _by_events(wanted)
        if query is None:
            return None
    elif wanted.states:
        query = _Query(BY_MESSAGE, "messages.id")
    else:
        query = _Query(BY_JOURNAL, "journal.id")
    if not _in_time(tx, query, wanted):
        return None
    query.where.append("journal.kind = 'decision'")
    if wanted.skipped:
        query.where.append("journal.reason <> 'send'")
    # A text knows these as well, under the indexes that lead to it.
    table, event_type = ("messages", "event_type") if query.key == "messages.id" else ("journal", "type")
    query.equal(f"{table}.source", "source", wanted.source)
    query.equal(f"{table}.{event_type}", "type", wanted.type)
    query.equal(f"{table}.rule", "rule", wanted.rule)
    return query


def _by_events(wanted: Filter) -> _Query | None:
    """Start from the events that hold the words and concern the number."""
    parts: list[str] = []
    query = _Query(BY_EVENT, "journal.id", values={"most": MOST_HITS})
    if wanted.words:
        query.values["words"] = match_all(wanted.words)
        if not query.values["words"]:
            return None
        parts.append(_of(FOUND))
    if wanted.number:
        query.values["number"] = wanted.number
        query.values["spelled"] = " OR ".join(_phrase(spelling) for spelling in wanted.spellings)
        spelled = f" union {_of(SPELLED)}" if wanted.spellings else ""
        parts.append(_of(f"{_of(TEXTED)}{spelled}"))
        # A rule that sent nothing has no number; its event was found because it names this one.
        query.where.append("(messages.number = :number or journal.message_id = '')")
    query.candidates = f"with candidates as materialized ({' intersect '.join(parts)})"
    return query


def _of(sql: str) -> str:
    """Wrap a query with its own order and limit, so that it may stand in a union; each event once."""
    return f"select distinct event_id from ({sql}) as hits"  # noqa: S608 - fixed words


def _in_time(tx: Tx, query: _Query, wanted: Filter) -> bool:
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
    query = _Query("", "events.id")
    # Of two indexes the narrower one has to lead; nearly every event is planned, few are in another state.
    hidden = "" if not (state and source) else "state" if state == "planned" else "source"
    query.equal("state" if hidden != "state" else "(state || '')", "state", state)
    query.equal("source" if hidden != "source" else "(source || '')", "source", source)
    return _list(store, EVENT, query, _turn(before, after, limit))


def messages(store: Store, wanted: Filter, *, before: str = "", after: str = "", limit: int = PAGE) -> Page:
    """List texts, narrowed by number, states, rule and time. Raises BadCursor."""
    query, turn = _Query("", "messages.id"), _turn(before, after, limit)
    for name in ("number", "rule"):
        query.equal(name, name, getattr(wanted, name))
    rows: list[Row] = []
    with store.read() as tx:
        if not _in_time(tx, query, wanted):
            return Page(rows=())
        for state in wanted.states or ("",):
            one = query.copy()
            one.equal("state", "state", state)
            rows += _walk(tx, MESSAGE, one, turn)
    return _page([dict(row) for row in rows], "id", turn)


def _list(store: Store, select: str, query: _Query, turn: _Turn) -> Page:
    with store.read() as tx:
        return _page([dict(row) for row in _walk(tx, select, query, turn)], "id", turn)


def _turn(before: str, after: str, limit: int) -> _Turn:
    cursor = after or before
    if cursor and not CURSOR.fullmatch(cursor):
        raise BadCursor(cursor)
    return _Turn(cursor, bool(after), limit)


def _walk(tx: Tx, select: str, query: _Query, turn: _Turn) -> list[Row]:
    """Read one row more than asked, so that we know whether there is another page."""
    where, values = list(query.where), dict(query.values)
    if turn.cursor:
        where.append(f"{query.key} {'>' if turn.newer else '<'} :cursor")
        values["cursor"] = int(turn.cursor) if query.key == "journal.id" else turn.cursor
    sql = (
        f"{query.candidates}{select} {query.start} where {' and '.join(where) or '1 = 1'} "
        f"order by {query.key} {'asc' if turn.newer else 'desc'} limit {turn.limit + 1}"
    )
    return tx.execute(sql, values).fetchall()


def _page(rows: list[dict[str, Any]], key: str, turn: _Turn) -> Page:
    rows.sort(key=lambda row: row[key], reverse=not turn.newer)
    more = len(rows) > turn.limit
    rows = rows[: turn.limit]
    if turn.newer:
        rows.reverse()
    if not rows:
        return Page(rows=())
    older, newer = (True, more) if turn.newer else (more, bool(turn.cursor))
    return Page(rows=rows, older=str(rows[-1][key]) if older else "", newer=str(rows[0][key]) if newer else "")


def match_all(words: str) -> str:
    """Write what a person typed as a full-text query: every word must occur, long ones may be beginnings."""
    found = [word for word in re.findall(r"\w+", words) if any(char.isalnum() for char in word)]
    return " ".join(f"{_phrase(word)}{'*' if len(word) >= SHORTEST_PREFIX else ''}" for word in found[:MOST_WORDS])


def _phrase(text: str) -> str:
    """Quote a text, so that nothing in it is an operator."""
    return '"' + text.replace('"', " ").replace("\0", " ") + '"'


def events_with_key(store: Store, key: str, limit: int = 2) -> list[str]:
    """Return the newest events about a record."""
    with store.read() as tx:
        rows = tx.execute("select id from events where key = ? order by id desc limit ?", (key, limit))
        return [row["id"] for row in rows]


def events_with_words(store: Store, words: str, limit: int = 2) -> list[str]:
    """Return the newest events in which all words occur."""
    with store.read() as tx:
        query = match_all(words)
        # An event planned again is in the index again.
        rows = tx.execute(FOUND, {"words": query, "most": limit * 5}) if query else ()
        return list(dict.fromkeys(row["event_id"] for row in rows))[:limit]


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
