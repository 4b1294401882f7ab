"""A large audience: the file is written, imported, previewed and planned; rows per second and the peak of memory.

`python -m bench.audience --rows 1000000`. Everything runs in this process, so the peak is that of all steps so far.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from audit.store import Store
from dispatch.campaigning import Campaigns
from dispatch.campaigns import running
from model.ids import Ids
from rules.load import load

RULES = """\
version: 1
defaults: {region: DE, locale: en, tz: Europe/Berlin, quiet_hours: ignore}
rules:
  - id: sale
    campaign: {audience: {from: lists/all.csv, when: ["country == 'DE'"]}, start: now}
    to: [phone]
    text: {en: "{{ first_name }}, 20% off. STOP to opt out", de: "{{ first_name }}, 20 % Rabatt. Ende: STOP"}
    locale: locale
"""


@click.command()
@click.option("--rows", default=1_000_000, show_default=True, help="People in the file.")
@click.option("--plan", default=0, help="How many of them are planned; 0 is all.")
@click.option("--preview", default=0, help="How many of them are previewed; 0 is all.")
def main(rows: int, plan: int, preview: int) -> None:
    """Measure it."""
    with tempfile.TemporaryDirectory(prefix="tidings-bench-") as folder:
        _measure(Path(folder), rows, plan or rows, preview)


def _measure(folder: Path, rows: int, plan: int, preview: int) -> None:
    (folder / "rules.yaml").write_text(RULES, "utf-8")
    book, now = load(folder / "rules.yaml"), datetime.now(UTC)
    store = Store(folder / "tidings.db")
    office = Campaigns(store=store, book=lambda: book, new_id=Ids(lambda: datetime.now(UTC), node=1))
    with _timed("write the file", rows):
        _write(folder / "all.csv", rows)
    with _timed("import", rows) as show, (folder / "all.csv").open("rb") as file:
        list_id = office.read_list(file, "all.csv", "sale", "Olu", now, progress=show)
    campaign = office.prepare("sale", list_id, "Olu", now)
    with _timed("preview of a sample", 2_000):
        office.preview(campaign, now)
    with _timed("preview of everybody" if not preview else "preview of many", preview or rows) as show:
        office.preview(campaign, now, sample=preview, progress=show)
    office.approve(campaign, "Mara", now)
    office.start(campaign, "Mara", now)
    with _timed("plan", plan) as show:
        _plan(office, campaign, plan, show)
    store.close()


def _plan(office: Campaigns, campaign: str, plan: int, show: Callable[[int], object]) -> None:
    """Plan as the service does, a step at a time; what is planned leaves at once, or planning would wait for it."""
    done = 0
    while done < plan:
        done += running.run(office, campaign, datetime.now(UTC))
        office.store.write(lambda tx: tx.execute("update messages set state = 'accepted' where state = 'queued'"))
        show(done)


def _write(path: Path, rows: int) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write("phone,first_name,country,locale\n")
        for n in range(rows):
            file.write(f"+49171{n:07d},Person {n},DE,{'de' if n % 2 else 'en'}\n")


@contextmanager
def _timed(what: str, rows: int) -> Iterator[Callable[[int], object]]:
    """Show how far something is, then how long it took."""
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*parts, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=rows)
        began, cpu = time.perf_counter(), time.process_time()
        yield lambda done: bar.update(task, completed=done)
        took, worked = time.perf_counter() - began, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what}: {rows:,} rows in {took:.1f} s, {rows / took:,.0f}/s ({rows / worked:,.0f} per CPU second); "
          f"peak {peak:.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main(prog_name="python -m bench.audience")
