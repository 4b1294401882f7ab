"""Whom a campaign is for: a file beside the rules, a list that is there already, or a query on a source."""

from __future__ import annotations

from rules import fields, spec
from rules.book import Audience
from rules.fields import Problems, Reader, read_all, read_map
from rules.node import Node

SAVED = "list:"
ENDINGS = (".csv", ".xlsx")
LONGEST = 20_000


def audience(node: Node, problems: Problems) -> Audience | None:
    """Read the audience of a campaign."""
    values = read_all(read_map(node, spec.AUDIENCE, problems, "audience"), READERS, problems)
    return Audience(**values.get("from", {}), when=values.get("when", ())) if values else None


def _people(node: Node, problems: Problems) -> dict[str, str]:
    """Return where the people come from, as fields of Audience."""
    if node.entries is not None:
        return read_all(read_map(node, spec.ASKED, problems, "from"), ASKED_READERS, problems)
    value = fields.text(node, problems)
    if value.startswith(SAVED):
        name = value.removeprefix(SAVED).strip()
        if not name:
            problems.add(node, "'list:' names no list.", "Write list:Newsletter.")
        return {"list": name}
    parts = value.replace("\\", "/").split("/")
    if value and (not value.endswith(ENDINGS) or not all(parts) or ".." in parts or "\0" in value):
        problems.add(node, f"{value[:60]!r} is not a list below this folder.", "Write lists/newsletter.csv.")
    return {"file": value}


def _query(node: Node, problems: Problems) -> str:
    value = fields.text(node, problems)
    if len(value) > LONGEST:
        problems.add(node, f"The query is longer than {LONGEST:,} characters.")
    return value


READERS: dict[str, Reader] = {"from": _people, "when": fields.conditions}
ASKED_READERS: dict[str, Reader] = {"source": fields.text, "query": _query}
