"""Which business systems and providers there are, and what each can do."""

from __future__ import annotations

from collections.abc import Iterator

import connectors as connectors_
import gateways as gateways_
from connectors.base import PolledOnly
from connectors.kit.shipping import STATUSES
from docs.generate.markdown import anchor, families, option_row, table
from gateways.base import Gateway
from gateways.console import MAGIC
from model.event import EVENT_TYPES

RECEIPTS = {"none": "no receipts", "token": "secret address", "signed": "signature",
            "connection": "the connection"}  # fmt: skip


def connectors(levels: str = "") -> str:
    """List the connectors; `levels` leads to docs/ from the page."""
    rows = []
    for name in connectors_.names():
        kind = connectors_.load(name)
        ways = [
            word
            for word, method in (
                ("polls", "poll"),
                ("consumes", "consume"),
                ("looks up", "lookup"),
                ("rechecks", "refresh"),
                ("writes back", "write_back"),
            )
            if hasattr(kind, method)
        ]
        rows.append((
            f"[{kind.title}]({levels}connectors/{kind.name}.md)", kind.category,
            ", ".join(ways if issubclass(kind, PolledOnly) else ["webhooks", *ways]), families(kind.event_types),
        ))  # fmt: skip
    return table(("Connector", "For", "How", "Events"), rows)


def connectors_brief(levels: str = "") -> str:
    """Name the connectors by what they are for, for a page that has little room."""
    links: dict[str, list[str]] = {}
    told: dict[str, dict[str, None]] = {}
    for kind in map(connectors_.load, connectors_.names()):
        also = "" if issubclass(kind, PolledOnly) else "also "
        polls = f" ({also}polled)" if hasattr(kind, "poll") else ""
        links.setdefault(kind.category, []).append(f"[{kind.title}]({levels}connectors/{kind.name}.md){polls}")
        families = (
            ["anything"] if kind.event_types is EVENT_TYPES else [name.split(".")[0] for name in kind.event_types]
        )
        told.setdefault(kind.category, {}).update(dict.fromkeys(families))
    rows = [(category, ", ".join(links[category]), ", ".join(told[category])) for category in sorted(links)]
    return table(("For", "Connectors", "Tell about"), rows)


def event_types() -> str:
    """List the normalised event types and the ranked shipment statuses."""
    types = table(("Event", "Means"), [(f"`{name}`", said) for name, said in EVENT_TYPES.items()])
    ranked = [(f"`{name}`", str(status.rank), status.text) for name, status in STATUSES.items()]
    ranks = table(("Shipment status", "Rank", "Means"), ranked)
    said = "The carriers' own words become one list of statuses. A higher rank is further along, 7 is final."
    return f"{types}\n{said}\n\n{ranks}"


def gateways(levels: str = "") -> str:
    """List the gateways; `levels` leads to docs/ from the page."""
    rows = []
    for kind in gateways_.names():
        found = gateways_.load(kind)
        able = found.capabilities
        again = [
            word for word, has in (("by the provider's own dedupe", able.idempotent), ("by asking", able.lookup)) if has
        ]
        rows.append((
            f"[{found.title}]({levels}gateways.md#{anchor(found.title)})", f"`{kind}`", RECEIPTS[able.receipts],
            ", ".join(again) or "by the receipt only", "yes" if able.replies else "no",
        ))  # fmt: skip
    return table(("Gateway", "Kind", "Receipts proved by", "Unclear submits settled", "Replies"), rows)


def gateways_brief(levels: str = "") -> str:
    """Name the gateways by how their receipts are proved, for a page that has little room."""
    by_proof: dict[str, list[str]] = {}
    for kind in map(gateways_.load, gateways_.names()):
        link = f"[{kind.title}]({levels}gateways.md#{anchor(kind.title)})"
        by_proof.setdefault(RECEIPTS[kind.capabilities.receipts], []).append(link)
    return table(
        ("Receipts proved by", "Gateways"), [(proof, ", ".join(by_proof[proof])) for proof in sorted(by_proof)]
    )


def gateway_pages() -> str:
    """Describe every gateway: what it can do, its settings, and what nobody has verified."""
    return "\n".join("\n".join(_gateway_page(kind, gateways_.load(kind))) for kind in gateways_.names())


def _gateway_page(name: str, kind: type[Gateway]) -> Iterator[str]:
    able = kind.capabilities
    words = {
        "tells the provider how long a text is worth delivering": able.validity,
        "sends our message id along": able.client_reference,
        "recognises a repeated submit": able.idempotent,
        "can be asked about an unclear submit": able.lookup,
        "takes a receipt address per text": able.per_message_callback,
        "has a test mode": able.test_mode,
    }
    page = f" Provider's page: <{kind.docs_url}>." if kind.docs_url else ""
    yield f"## {kind.title}\n"
    form = "with" if able.number_format == "plus" else "without"
    size = f"at most {able.max_segments} segments"
    yield f'`kind = "{name}"`.{page} Numbers {form} a plus, {size}. Receipts: {RECEIPTS[able.receipts]}.\n'
    if any(words.values()):
        yield "It " + "; ".join(word for word, has in words.items() if has) + ".\n"
    if able.unverified:
        yield f"Not verified: {able.unverified}\n"
    if kind.options:
        yield table(("Setting", "Means", "Default"), [option_row(key, option) for key, option in kind.options.items()])


def magic_numbers() -> str:
    """List what the console plays, by the last two digits of a number reserved for fiction."""
    return table(("Ends in", "Happens"), [(f"`{ending}`", play.words) for ending, play in MAGIC.items()])


def writers() -> str:
    """Name the connectors that can write an answer into the record."""
    kinds = [kind for kind in map(connectors_.load, connectors_.names()) if hasattr(kind, "write_back")]
    return ", ".join(f"[{kind.title}](connectors/{kind.name}.md)" for kind in kinds) + ".\n"
