"""A campaign under kill -9 while codes are asked for: everybody gets it once, and no code waits behind it.

The long run is `python -m bench.bulk_and_codes`; docs/campaigns.md has its figures.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.fakes.bulk import CODES, RULES, Asker, begin, bulk_number, kill_and_start, left, unclear
from tests.fakes.counting import SETTINGS, Counting, counting
from tests.fakes.service import Service, running, until
from tests.scale import runs

PEOPLE = runs(300, 3_000)
KILLS = runs(1, 3)
pytestmark = pytest.mark.timeout(60 + 30 * KILLS)


def _has_taken(provider: Counting, count: int) -> bool:
    return len(provider.taken) > count


def test_a_campaign_that_is_killed_texts_everybody_once_and_codes_go_first(tmp_path: Path) -> None:
    with counting(delay=0.02) as provider:
        service = Service(
            tmp_path, settings={"mode": "live", "routes": {"order": ["counted"]}}, sources=CODES, rules=RULES,
            gateways={"counted": {**SETTINGS, "base_url": provider.url}},
        )  # fmt: skip
        begin(service, PEOPLE)
        asker = Asker(service.port, per_minute=600)
        with running(service):
            asker.start()
            for kill in range(1, KILLS + 1):
                kill_and_start(service, partial(_has_taken, provider, PEOPLE * kill // (KILLS + 2)))
            # Asking the provider about what was on its way takes a while: the short run only looks that it is known.
            until(lambda: left(service, clear=KILLS > 1) == 0, lambda: f"{left(service)} are left", 40)
            asker.stop()
            until(lambda: left(service, clear=KILLS > 1) == 0, lambda: f"{left(service)} are left", 40)
            service.term()
            doubtful = unclear(service)

    texts = [(one.to, one.body) for one in provider.taken]
    assert provider.doubled == []
    taken = {one.body: one.at for one in provider.taken}
    reached = {bulk_number(n) for n in range(PEOPLE) if f"Sale {n}. STOP to leave" in taken.keys() | doubtful}
    assert reached == {bulk_number(n) for n in range(PEOPLE)}
    assert {to for to, body in texts if body.startswith("Sale")} <= reached
    waits = sorted(taken[code] - asked.accepted for code, asked in asker.codes.items() if code not in doubtful)
    assert waits[len(waits) // 2] < 2.0
