"""How much may leave on one day (UTC) in all: the caps, what is used of them, and what an operator allowed on top.

Texts are counted with the attempt, in its transaction, so that a cap of texts holds to the text. Money is counted
once the gateway has taken a text (dispatch/accounts.py), a moment later.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from audit import journal, kept
from audit.rows import at, ms
from audit.store import Row, Tx, settled
from model.steering import Cap

DAY_MS = 86_400_000
PER_PERSON, ACCOUNTED = "marketing_per_person", "spending_upto"
WARN = 80
COUNT = """
insert into spending (day, currency, country, amount) values (?, ?, ?, ?)
on conflict (day, currency, country) do update set amount = spending.amount + excluded.amount
"""
TAKEN = """
select journal.id, journal.at, messages.number, messages.country, messages.segments, messages.gateway, messages.cost,
    messages.currency, messages.created_at
from journal join messages on messages.id = journal.message_id
where journal.id > ? and journal.id <= ? and journal.kind = 'outcome' and journal.reason = 'accepted'
"""


def day_of(now: datetime) -> int:
    """Return the day of a moment, as the tables name it: its first millisecond in UTC."""
    return ms(now) // DAY_MS * DAY_MS


def put(tx: Tx, caps: Mapping[str, tuple[int, int]], per_person: tuple[int, int] | None, now: datetime) -> None:
    """Keep what the settings say: (most, most for bulk texts) by the name of a cap, and how many marketing texts a
    person gets in how many milliseconds.
    """
    tx.execute("delete from caps")
    tx.executemany(
        "insert into caps (name, most, bulk) values (?, ?, ?)", [(name, *most) for name, most in caps.items()]
    )
    kept.remember(tx, PER_PERSON, f"{per_person[0]}/{per_person[1]}" if per_person else "", now)


def per_person(tx: Tx) -> tuple[int, int] | None:
    """Return how many marketing texts a person gets in how many milliseconds; None for any number."""
    most, _, within = kept.recall(tx, PER_PERSON).partition("/")
    return (int(most), int(within)) if within else None


def current(tx: Tx, now: datetime) -> tuple[Cap, ...]:
    """Return the caps with what is used of them today; one more for each country that falls under `texts/*`."""
    wanted = tx.execute("select name, most, bulk from caps order by name").fetchall()
    if not wanted:
        return ()
    day = day_of(now)
    used = _used(tx, day)
    extra = {row["name"]: row["extra"] for row in tx.execute("select name, extra from cap_days where day = ?", (day,))}
    rows = {row["name"]: (row["most"], row["bulk"]) for row in wanted}
    if (others := rows.get("texts/*")) is not None:
        rows |= {name: others for name in used if name.startswith("texts/") and name not in rows}
    return tuple(
        Cap(name=name, most=most + extra.get(name, 0), bulk=bulk + extra.get(name, 0), used=used.get(name, 0))
        for name, (most, bulk) in rows.items()
    )


def _used(tx: Tx, day: int) -> dict[str, int]:
    """Return what is used of every cap there may be, by its name."""
    used: dict[str, int] = {}
    for row in tx.execute("select currency, country, amount from spending where day = ?", (day,)):
        names = [f"money/{row['currency']}"] if row["currency"] else ["texts", f"texts/{row['country']}"]
        for name in names:
            used[name] = used.get(name, 0) + row["amount"]
    return used


def count(tx: Tx, country: str, now: datetime) -> None:
    """Count a text that is about to leave."""
    tx.execute(COUNT, (day_of(now), "", country, 1))


def release(tx: Tx, name: str, extra: int, actor: str, now: datetime) -> None:
    """Allow more for today."""
    tx.execute(
        "insert into cap_days (day, name, extra) values (?, ?, ?) "
        "on conflict (day, name) do update set extra = cap_days.extra + excluded.extra, told = 0",
        (day_of(now), name, extra),
    )
    journal.note(tx, ms(now), "limit", actor=actor, reason="raised for today", detail=f"{name} by {extra}")


def tell(tx: Tx, cap: Cap, now: datetime) -> bool:
    """Note, once a day each, that a cap is nearly used up and that it is used up; True when it was news."""
    share = 100 if cap.used >= cap.most else WARN if cap.used * 100 >= cap.most * WARN else 0
    if not share:
        return False
    values = {"day": day_of(now), "name": cap.name, "told": share}
    news = tx.execute(
        "insert into cap_days (day, name, told) values (:day, :name, :told) "
        "on conflict (day, name) do update set told = excluded.told where cap_days.told < excluded.told",
        values,
    ).rowcount
    if news:
        reason = "used up" if share == 100 else "nearly used up"
        journal.note(tx, ms(now), "limit", actor="tidings", reason=reason, detail=cap.words)
    return news > 0


def unaccounted(tx: Tx, most: int) -> tuple[int, list[Row]]:
    """Return what gateways took since it was last counted as money, and up to which row of the journal that is."""
    done = kept.recall(tx, ACCOUNTED)
    newest = settled(tx)
    if not done:  # what was sent before there was a cap of money does not count
        return newest, []
    upto = min(newest, int(done) + most)
    return upto, tx.execute(TAKEN, (int(done), upto)).fetchall()


def account(tx: Tx, upto: int, rows: Iterable[tuple[int, str, str, int]], now: datetime) -> None:
    """Count money spent: (day, currency, country, millionths)."""
    tx.executemany(COUNT, list(rows))
    kept.remember(tx, ACCOUNTED, str(upto), now)


def has_money(tx: Tx) -> bool:
    """Tell whether there is a cap of money."""
    return tx.execute("select 1 from caps where name like 'money/%' limit 1").fetchone() is not None


def prune(tx: Tx, now: datetime) -> None:
    """Forget what was used of days long gone."""
    before = day_of(now) - 90 * DAY_MS
    tx.execute("delete from spending where day < ?", (before,))
    tx.execute("delete from cap_days where day < ?", (before,))


def time_of(row: Row) -> datetime:
    """Return when a row that `unaccounted` gave happened."""
    return at(row["at"])
