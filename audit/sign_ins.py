"""Tries to sign in: counted by account and by address before they are looked at, each next one later than the last.

A try is counted first and given back when it was right, so that many at once are no way around the pause. Accounts and
addresses are kept as digests: what was typed as a name may be a password.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.rows import digest, ms
from audit.store import Tx

FORGOTTEN = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How many tries are free, and how long the pause may become: 1 s, 2 s, 4 s and so on."""

    free: int
    longest: timedelta

    def after(self, failures: int) -> timedelta:
        """Return how long the next try has to wait."""
        over = failures - self.free
        return min(timedelta(seconds=2 ** min(over, 20)), self.longest) if over >= 0 else timedelta()


# A minute at most for an account: about 70 tries an hour, and nobody can be kept out of their own for long.
PATIENCE = {
    "account": Patience(free=5, longest=timedelta(minutes=1)),
    "address": Patience(free=20, longest=timedelta(minutes=15)),
}
COUNT = """
insert into sign_in_failures (scope, name, failures, at, until) values (:scope, :name, 1, :now, 0)
on conflict (scope, name) do update
    set failures = case when sign_in_failures.at < :forgotten then 1 else sign_in_failures.failures + 1 end, at = :now
returning failures
"""


def begin(tx: Tx, name: str, address: str, now: datetime) -> timedelta:
    """Count a try and let it go on (no time), or say how long the next one has to wait and count nothing."""
    keys = _keys(name, address)
    waits = [until - ms(now) for scope, key in keys if (until := _until(tx, scope, key)) > ms(now)]
    if waits:
        return timedelta(milliseconds=max(waits))
    for scope, key in keys:
        given = {"scope": scope, "name": key, "now": ms(now), "forgotten": ms(now - FORGOTTEN)}
        failures = tx.execute(COUNT, given).fetchone()["failures"]
        tx.execute(
            "update sign_in_failures set until = ? where scope = ? and name = ?",
            (ms(now + PATIENCE[scope].after(failures)), scope, key),
        )
    return timedelta()


def right(tx: Tx, name: str, address: str) -> None:
    """Give a try back: the account begins anew, the address has one less. Others may be guessing from there."""
    for scope, key in _keys(name, address):
        if scope == "account":
            tx.execute("delete from sign_in_failures where scope = ? and name = ?", (scope, key))
        else:
            tx.execute(
                "update sign_in_failures set failures = max(failures - 1, 0), until = 0 where scope = ? and name = ?",
                (scope, key),
            )


def prune(tx: Tx, now: datetime) -> int:
    """Forget tries of long ago; return how many accounts and addresses."""
    return tx.execute("delete from sign_in_failures where at < ?", (ms(now - FORGOTTEN),)).rowcount


def _until(tx: Tx, scope: str, key: str) -> int:
    row = tx.execute("select until from sign_in_failures where scope = ? and name = ?", (scope, key)).fetchone()
    return int(row["until"]) if row else 0


def _keys(name: str, address: str) -> list[tuple[str, str]]:
    return [
        ("account", digest("account", name.strip().casefold()).hex()),
        ("address", digest("address", _network(address)).hex()),
    ]


def _network(address: str) -> str:
    """Return what one subscriber has: an IPv4 address, or 64 bits of an IPv6 address."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is None:
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(getattr(found, "ipv4_mapped", None) or found)
