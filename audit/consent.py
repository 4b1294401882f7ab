"""The ledger of wishes: who opted out, who opted in to what, and the proof of each change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b

from audit import journal
from audit.rows import ms
from audit.store import Row, Tx

EVERYTHING = ""
REPLY = "reply"
NOTE = """
insert into consent_history (number, category, status, source, wording, channel, actor, at, noted_at)
values (:number, :category, :status, :source, :wording, :channel, :actor, :at, :noted_at)
"""
NEWEST = """
insert into consent (number, category, status, source, wording, channel, actor, at)
values (:number, :category, :status, :source, :wording, :channel, :actor, :at)
on conflict (number, category) do update set status = excluded.status, source = excluded.source,
    wording = excluded.wording, channel = excluded.channel, actor = excluded.actor, at = excluded.at
where excluded.at >= consent.at or :said_now = 1
"""
LEDGER = "select number, category, status, source, wording, channel, actor, at from consent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """What a person said about being texted, with its proof.

    `category` "" means every text; `status` is in or out. `source` says where it was said (a form, a list, a gateway),
    `wording` what was agreed to or written, `channel` by which way it came here (reply, provider, console, command
    line, import), `actor` who wrote it down, `at` when the person said so.
    """

    number: str
    category: str = EVERYTHING
    status: str
    source: str
    wording: str = ""
    channel: str = ""
    actor: str = ""
    at: datetime


def record(tx: Tx, said: Consent, now: datetime) -> bool:
    """Write down a wish; an older one than is known goes into the history only. Returns whether it holds now.

    What is said now is the newest word, also where the clock was set back since the one before.
    """
    values = {
        "number": said.number, "category": said.category, "status": said.status, "source": said.source,
        "wording": said.wording[:1000], "channel": said.channel, "actor": said.actor, "at": ms(said.at),
        "noted_at": ms(now), "said_now": int(said.at >= now),
    }  # fmt: skip
    tx.execute(NOTE, values)
    if said.status == "in":  # an erased person's wish held under the alias; now they are back
        tx.execute("delete from consent where number = ? and category = ?", (alias(said.number), said.category))
    holds = tx.execute(NEWEST, values).rowcount > 0
    journal.note(
        tx, ms(now), f"opt_{said.status}", reason=said.category, actor=said.actor or said.source, detail=said.channel
    )
    return holds


def resume(tx: Tx, said: Consent, now: datetime) -> None:
    """Let a person back in who texts START: to everything, and to each category they had left by a text."""
    left = tx.execute(
        "select category from consent where number = ? and category <> '' and status = 'out' and channel = ?",
        (said.number, REPLY),
    ).fetchall()
    for category in (EVERYTHING, *(row["category"] for row in left)):
        record(tx, replace(said, category=category), now)


def alias(number: str) -> str:
    """Return what stands for a number in the ledger once its owner is erased: enough to know it again, no more."""
    return f"erased:{blake2b(number.encode(), digest_size=16, person=b'tidings').hexdigest()}"


def forget(tx: Tx, number: str) -> None:
    """Replace a number in the ledger by its alias: what the person did not want still holds."""
    hidden = alias(number)
    for row in tx.execute(f"{LEDGER} where number = ?", (number,)).fetchall():
        tx.execute(NEWEST, {**dict(row), "number": hidden, "wording": "", "source": "before the person was erased",
                            "said_now": 0})  # fmt: skip
    tx.execute("delete from consent where number = ?", (number,))
    tx.execute("update consent_history set number = ?, wording = '', source = '' where number = ?", (hidden, number))


def of(tx: Tx, number: str) -> list[Row]:
    """Return what one number's owner wishes."""
    return tx.execute(f"{LEDGER} where number = ? order by category", (number,)).fetchall()


def history(tx: Tx, number: str, limit: int = 200) -> list[Row]:
    """Return every change of one number's wishes, newest first."""
    return tx.execute(
        "select category, status, source, wording, channel, actor, at, noted_at from consent_history "
        "where number = ? order by id desc limit ?",
        (number, limit),
    ).fetchall()


def everybody(tx: Tx) -> Iterator[Row]:
    """Yield the whole ledger."""
    yield from tx.execute(f"{LEDGER} order by number, category")
