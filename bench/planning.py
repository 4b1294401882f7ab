"""What planning one event costs with one rule in the file, and with ten thousand."""

from __future__ import annotations

import itertools
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.figures import Figure, median
from dispatch.draft import Moment
from dispatch.facts import MemoryFacts
from dispatch.plan import plan
from model.event import Event
from rules.book import Book
from rules.load import load

NOON = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
MANY = 10_000
HEAD = "version: 1\ndefaults: {region: DE, locale: en, tz: Europe/Berlin}\nrules:\n"
RULE = """\
  - id: rule-{n}
    event: custom.kind{n}
    when: [total > 10, "status in ['paid', 'open']"]
    to: [phone]
    text: {{en: "Order {{{{ number }}}} for {{{{ total|money(currency) }}}} is confirmed."}}
    dedupe: {{key: "{{{{ number }}}}", for: 1d}}
"""


def measure(scale: float) -> list[Figure]:
    """Plan the same event with few and with many rules, in turns."""
    one, _ = _book(1)
    many, loading = _book(int(MANY * min(scale, 1.0)))
    rounds = [(_cost(one), _cost(many)) for _ in range(9)]
    few_us, many_us = median([few for few, _ in rounds]), median([more for _, more in rounds])
    growth = median([(more / few - 1) * 100 for few, more in rounds])
    return [
        Figure(what="planning one event, 1 rule", value=few_us, unit="us"),
        Figure(what=f"planning one event, {len(many.rules):,} rules", value=many_us, unit="us"),
        Figure(what=f"growth of it, 1 to {len(many.rules):,} rules", value=growth, unit="%", budget=10),
        Figure(what=f"loading {len(many.rules):,} rules", value=loading, unit="s"),
    ]


def _book(count: int) -> tuple[Book, float]:
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        path = Path(folder) / "rules.yaml"
        rules = "".join(RULE.format(n=n) for n in range(count))
        path.write_text(
            f"version: 1\ndefaults: {{region: DE, locale: en, tz: Europe/Berlin}}\nrules:\n{rules}", "utf-8"
        )
        began = time.perf_counter()
        return load(path), time.perf_counter() - began


def _cost(book: Book) -> float:
    """Return microseconds per event."""
    facts, ids = MemoryFacts(), itertools.count()
    events = [
        Event(
            source="bench", type="custom.kind0", native_type="kind0", id=f"{n}", key=f"{n}", occurred_at=NOON,
            data={"number": n, "total": 12.5, "currency": "EUR", "status": "paid", "phone": f"+49171{n:07d}"},
        )
        for n in range(300)
    ]  # fmt: skip
    began = time.perf_counter()
    for event in events:
        made = plan(book, event, facts, Moment(event_id=event.id, now=NOON, new_id=lambda: f"m{next(ids)}"))
        assert len(made.messages) == 1
    return (time.perf_counter() - began) / len(events) * 1e6
