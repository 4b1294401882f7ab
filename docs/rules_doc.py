"""The tables of docs/rules.md, made from rules/spec.py and its neighbours for the cog blocks on that page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from model.event import EVENT_TYPES
from rules import spec, words
from rules.condition.functions import FUNCTIONS
from rules.render import FILTERS
from rules.spec import Field
from rules.windows import Window, every_window


def fields(table: Sequence[Field], known_elsewhere: Sequence[Field] = ()) -> str:
    """List the fields of one group: name, what it is, what it means, default."""
    elsewhere = {field.name for field in known_elsewhere}
    shown = [field for field in table if field.name not in elsewhere]
    return _table(
        ("Field", "Is", "Means", "Left out"),
        ((f"`{field.name}`", _kind(field), _meaning(field), _default(field)) for field in shown),
    )


def filters() -> str:
    """List the filters of texts."""
    return _table(("Filter", "Makes"), ((f"`{name}`", text.replace("|", "\\|")) for name, text in FILTERS.items()))


def functions() -> str:
    """Name the functions of conditions."""
    return ", ".join(f"`{name}`" for name in FUNCTIONS) + "\n"


def events() -> str:
    """List the event types."""
    return _table(("Event", "Says"), ((f"`{name}`", text) for name, text in EVENT_TYPES.items()))


def windows() -> str:
    """List the hours the law sets for marketing texts."""
    rows = ((f"`{window.name}`", _open(window), window.basis, window.source) for window in every_window())
    return _table(("Where", "Open", "Because of", "Source"), rows)


def _open(window: Window) -> str:
    shut = f"; closed on {', '.join(sorted(window.holidays))}" if window.holidays else ""
    return f"{window.shown}{shut}"


def reserved() -> str:
    """List the answers no text may invite."""
    return _table(("Answer", "What carriers make of it"), words.RESERVED.items())


def _kind(field: Field) -> str:
    if field.choices:
        return " or ".join(f"`{choice}`" for choice in field.choices)
    return spec.KINDS[field.kind]


def _meaning(field: Field) -> str:
    example = f" `{field.name}: {field.example}`" if field.example else ""
    return f"{field.text}{example}"


def _default(field: Field) -> str:
    if field.required:
        return "must be there"
    if field.default in (None, "", ()):
        return ""
    return f"`{str(field.default).lower() if isinstance(field.default, bool) else field.default}`"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
