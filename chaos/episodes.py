"""The episodes, by the name the command knows them by. A new one is a function from a ring to a balance."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from chaos import clocks, disks, flood, kills, outages, servers, twins
from chaos.books import Balance
from chaos.ring import Ring

Episode = Callable[[Ring], Balance]
EPISODES: Mapping[str, Episode] = {
    "kill-service": kills.service,
    "kill-roles": kills.roles,
    "torn-log": kills.torn_log,
    "disk-full": disks.full,
    "disk-read-only": disks.read_only,
    "database-locked": disks.locked,
    "flush-slow": disks.slow,
    "flush-fails": disks.failing,
    "clock-jumps": clocks.jumps,
    "provider-fails": outages.every_kind,
    "provider-gone": outages.refused,
    "all-slow": outages.exhausted,
    "two-claiming": twins.claiming,
    "standing-still": twins.standing_still,
    "slow-headers": flood.slow_headers,
    "slow-bodies": flood.slow_bodies,
    "bad-signatures": flood.forgeries,
    "huge-headers": flood.huge_headers,
    "many-keys": flood.many_keys,
    "many-connections": flood.many_connections,
    "kill-postgres": servers.killed,
    "pool-exhausted": servers.exhausted,
    "lease-ends": twins.lease,
}
SERVER_ONLY = frozenset({"kill-postgres", "pool-exhausted"})
"""What a file cannot show."""

ON_SERVER = SERVER_ONLY | {
    "kill-service", "kill-roles", "clock-jumps", "provider-fails", "provider-gone", "two-claiming", "standing-still",
    "lease-ends",
}  # fmt: skip
"""What a server shows. Logs, disks and flushes are its own, and the floods end before the database."""

LONG = frozenset({"lease-ends"})
"""What takes more than a minute by itself: played by name, and where there are ten minutes or more."""
