"""Long texts from phones come in parts, in any order: each is kept until the last one is there."""

from __future__ import annotations

from datetime import datetime, timedelta

from audit import dedupe
from audit.rows import digest, ms
from audit.store import Tx
from model.sending import Reply

WAIT_FOR_PARTS = timedelta(hours=6)
"""SMSCs repeat for hours; a part that has not come by then is not coming."""

GAP = "[...]"
OF_ONE = "gateway = ? and number = ? and our_number = ? and reference = ? and total = ?"


def join(tx: Tx, gateway: str, reply: Reply, now: datetime) -> Reply | None:
    """Keep a part of a text from a phone; return the whole text when this was the last one missing.

    A part that comes again after its text was joined is recognised and starts nothing.
    """
    part = reply.part
    if part is None:
        return reply
    text = reply.text.encode("utf-16-be", "surrogatepass")
    seen = digest("reply part", gateway, reply.number, reply.to, part.reference, str(part.number), text.hex())
    if not dedupe.claim(tx, seen, reply.id, now, WAIT_FOR_PARTS):
        return None
    tx.execute(
        "insert into reply_parts (gateway, number, our_number, reference, total, part, id, text, at) "
        "values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing",
        (
            gateway, reply.number, reply.to, part.reference, part.total, part.number, reply.id,
            text, ms(now),
        ),
    )  # fmt: skip
    key = (gateway, reply.number, reply.to, part.reference, part.total)
    count = tx.execute(f"select count(*) as n from reply_parts where {OF_ONE}", key).fetchone()["n"]  # noqa: S608 - our own words
    return _taken_out(tx, key) if count == part.total else None


def gave_up(tx: Tx, now: datetime) -> list[tuple[str, Reply]]:
    """Take out the texts whose missing parts are not coming, each with its gateway; gaps are marked."""
    rows = tx.execute(
        "select distinct gateway, number, our_number, reference, total from reply_parts where at < ? limit 100",
        (ms(now - WAIT_FOR_PARTS),),
    ).fetchall()
    return [(row["gateway"], _taken_out(tx, tuple(row))) for row in rows]


def _taken_out(tx: Tx, key: tuple[str, str, str, str, int]) -> Reply:
    rows = tx.execute(f"delete from reply_parts where {OF_ONE} returning part, id, text", key).fetchall()  # noqa: S608 - our own words
    texts = {row["part"]: bytes(row["text"]) for row in rows}
    gap = GAP.encode("utf-16-be")
    octets = b"".join(texts.get(number, gap) for number in range(1, key[4] + 1))
    first = min(rows, key=lambda row: row["part"])
    return Reply(id=first["id"], number=key[1], to=key[2], text=octets.decode("utf-16-be", "replace"))
