"""Lists of codes and what they mean: refusals, reasons, journal, metrics, words people write."""

from __future__ import annotations

from datetime import timedelta

from audit.journal import KINDS
from dispatch.prices import COLUMNS
from dispatch.telling import SCHEDULE
from docs.generate.markdown import ROOT, table
from model.reasons import Because, Needs, Reason
from model.sending import ErrorClass
from model.telling import FIELDS, TELLINGS
from web.metrics import METRICS
from wire import keywords as keywords_


def looked_up() -> str:
    """Quote what a sample says about a look-up."""
    text = (ROOT / "sample_payloads" / "ecwid" / "order-shipped.expect.yaml").read_text("utf-8")
    return f"```yaml\n{text[text.index('  looked_up:') :]}```\n"


def error_classes() -> str:
    """List what a provider's no can mean, and what is done about it."""
    return table(("Class", "What happens"), [(f"`{one.code}`", one.action) for one in ErrorClass if one.action])


def refusals() -> str:
    """List why the door refuses a request."""
    return table(("Code", "Answer", "Means"), [(f"`{one.code}`", str(one.status), one.text) for one in Reason])


def reasons() -> str:
    """List why no text was sent."""
    return table(("Code", "Means"), [(f"`{one.code}`", one.text) for one in Because])


def tellings() -> str:
    """List what a webhook can be told."""
    return table(("Event", "Means"), [(f"`{name}`", said) for name, said in TELLINGS.items()])


def telling_fields() -> str:
    """List the fields of what is told."""
    return table(("Field", "Means"), [(f"`{name}`", said) for name, said in FIELDS.items()])


def telling_waits() -> str:
    """Say when a failed telling is tried again."""
    return ", ".join(_long(wait) for wait in SCHEDULE) + "\n"


def _long(wait: timedelta) -> str:
    seconds = int(wait.total_seconds())
    unit, size = next((unit, size) for unit, size in (("h", 3600), ("min", 60), ("s", 1)) if seconds >= size)
    return f"{seconds // size} {unit}"


def prices() -> str:
    """Name the columns of the price table."""
    return f"`{','.join(COLUMNS)}`\n"


def journal() -> str:
    """List every kind of row of the journal."""
    return table(("Kind", "Means"), [(f"`{kind}`", said) for kind, said in KINDS.items()])


def metrics() -> str:
    """List every metric."""
    return table(
        ("Metric", "Is", "Labels", "Means"),
        [(f"`{name}`", one.kind, ", ".join(one.labels), one.text) for name, one in METRICS.items()],
    )


def needs() -> str:
    """List why a reply waits for a person."""
    return table(("Code", "Means"), [(f"`{one.code}`", one.text) for one in Needs])


def keywords() -> str:
    """List the words that stop, start and ask for help, by language."""
    found = keywords_.table()
    languages = [*found["stop"], *sorted((set(found["start"]) | set(found["help"])) - set(found["stop"]))]
    return table(
        ("Language", "Stop", "In a longer text", "Start", "Help"),
        [
            (
                language, ", ".join(found["stop"].get(language, {}).get("words", ())),
                ", ".join(found["stop"].get(language, {}).get("wishes", ())[:3]),
                ", ".join(found["start"].get(language, ())), ", ".join(found["help"].get(language, ())),
            )
            for language in languages
        ],
    )  # fmt: skip


def keyword_sources() -> str:
    """Say where the words come from."""
    found = keywords_.table()
    return "".join(f"- {source}.\n" for source in found["sources"]) + f"\nRead {found['read']}.\n"
