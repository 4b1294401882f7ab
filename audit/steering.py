"""Pins, pauses and the condition of gateways, shared between the command line and the running service."""

from __future__ import annotations

from datetime import datetime

from audit import caps, journal
from audit.rows import at, ms
from audit.store import Tx
from model.steering import Condition, Pause, Pin, Scope, Steering

PINS = "select gateway, away, reason, actor, since, until from pins where until > ? order by since, gateway"
PAUSES = "select scope, name, spared, reason, actor, since from pauses order by scope, name"


def current(tx: Tx, now: datetime) -> Steering:
    """Return the pins and pauses in force; a pin past its time is none any more."""
    pins = tuple(
        Pin(
            gateway=row["gateway"], away=bool(row["away"]), reason=row["reason"], actor=row["actor"],
            since=at(row["since"]), until=at(row["until"]),
        )
        for row in tx.execute(PINS, (ms(now),))
    )  # fmt: skip
    pauses = tuple(
        Pause(
            scope=row["scope"], name=row["name"], spared=frozenset(filter(None, row["spared"].split(","))),
            reason=row["reason"], actor=row["actor"], since=at(row["since"]),
        )
        for row in tx.execute(PAUSES)
    )  # fmt: skip
    return Steering(pins=pins, pauses=pauses, caps=caps.current(tx, now))


def pin(tx: Tx, wish: Pin) -> None:
    """Keep a pin, in place of another one on the same gateway."""
    tx.execute(
        "insert into pins (gateway, away, reason, actor, since, until) values (?, ?, ?, ?, ?, ?) "
        "on conflict (gateway) do update set away = excluded.away, reason = excluded.reason, actor = excluded.actor, "
        "since = excluded.since, until = excluded.until",
        (wish.gateway, int(wish.away), wish.reason, wish.actor, ms(wish.since), ms(wish.until)),
    )
    journal.note(
        tx, ms(wish.since), "operator", gateway=wish.gateway, reason="pinned away" if wish.away else "pinned",
        actor=wish.actor, detail=f"until {wish.until:%Y-%m-%d %H:%M} UTC: {wish.reason}",
    )  # fmt: skip


def unpin(tx: Tx, gateway: str, actor: str, now: datetime) -> bool:
    """End the pin on a gateway; False when there was none."""
    gone = tx.execute("delete from pins where gateway = ? returning until", (gateway,)).fetchone()
    if gone is not None:
        journal.note(tx, ms(now), "operator", gateway=gateway, reason="unpinned", actor=actor)
    return gone is not None and int(gone["until"]) > ms(now)


def pause(tx: Tx, wish: Pause) -> bool:
    """Keep a pause; False when the same is paused already, which is left as it is."""
    row = tx.execute(
        "insert into pauses (scope, name, spared, reason, actor, since) values (?, ?, ?, ?, ?, ?) "
        "on conflict (scope, name) do nothing returning name",
        (wish.scope, wish.name, ",".join(sorted(wish.spared)), wish.reason, wish.actor, ms(wish.since)),
    ).fetchone()
    if row is not None:
        _note(tx, wish.scope, wish.name, "paused", wish.actor, wish.reason, wish.since)
    return row is not None


def resume(tx: Tx, scope: Scope, name: str, actor: str, now: datetime) -> bool:
    """End a pause; False when there was none. What waits for it is let go by the running service."""
    gone = tx.execute("delete from pauses where scope = ? and name = ? returning name", (scope, name)).fetchone()
    if gone is not None:
        _note(tx, scope, name, "resumed", actor, "", now)
    return gone is not None


def _note(tx: Tx, scope: str, name: str, reason: str, actor: str, detail: str, now: datetime) -> None:
    journal.note(
        tx, ms(now), "operator", reason=reason, actor=actor, detail=f"{scope}: {detail}" if detail else scope,
        rule=name if scope == "rule" else "", gateway=name if scope == "gateway" else "",
    )  # fmt: skip


def note_condition(tx: Tx, found: Condition) -> None:
    """Write how a gateway does now."""
    tx.execute(
        "insert into gateway_health (gateway, state, since, until, error) values (?, ?, ?, ?, ?) "
        "on conflict (gateway) do update set state = excluded.state, since = excluded.since, "
        "until = excluded.until, error = excluded.error",
        (found.gateway, found.state, ms(found.since), ms(found.until) if found.until else 0, found.error[:300]),
    )


def forget_conditions(tx: Tx) -> None:
    """Forget how gateways did: a service that starts knows nothing yet."""
    tx.execute("delete from gateway_health")


def conditions(tx: Tx) -> dict[str, Condition]:
    """Return how each gateway does, as far as the running service has seen anything of it."""
    rows = tx.execute("select gateway, state, since, until, error from gateway_health order by gateway")
    return {
        row["gateway"]: Condition(
            gateway=row["gateway"], state=row["state"], since=at(row["since"]),
            until=at(row["until"]) if row["until"] else None, error=row["error"],
        )
        for row in rows
    }  # fmt: skip
