"""Where events for tests, previews and advice come from: sample requests and sample polls alike."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from inbound import conversations, samples
from inbound.conversations import Conversation
from inbound.samples import ROOT, Sample
from model.event import Event

Example = Sample | Conversation


def of(connector: str) -> Iterator[Example]:
    """Yield the samples of a connector, then its conversations."""
    yield from samples.every(connector=connector)
    yield from conversations.every(connector=connector)


def names() -> tuple[str, ...]:
    """Return all of them as `connector/file`, without reading what is in them."""
    return tuple(str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("*/*")) if _is_example(path))


def read(path: Path) -> Example:
    """Read the example whose body, or conversation, is in `path`. Raises FileNotFoundError."""
    return conversations.read(path) if path.name.endswith(conversations.ENDING) else samples.read(path)


def find(path: str) -> Path | None:
    """Return the file of an example, named relative to the repository, to sample_payloads/ or to where we are."""
    places = [place.resolve() for place in (ROOT.parent / path, ROOT / path, Path(path))]
    return next((place for place in places if _is_example(place)), None)


def event_in(path: str, event_type: str) -> tuple[Event, datetime]:
    """Return the first event of a type (`type` or `source:type`) in an example, and when it arrived.

    Raises ValueError, in a sentence, when there is none.
    """
    found = find(path)
    if found is None or not found.is_relative_to(ROOT):
        raise ValueError(f"There is no sample {path}; write it like sample_payloads/shopify/orders-create.json.")
    example = read(found)
    source, _, wanted = event_type.rpartition(":")
    events = example.completed()
    for event in events:
        if event.type == wanted and source in {"", event.source}:
            return event, example.now
    held = ", ".join(dict.fromkeys(f"{event.source}:{event.type}" for event in events)) or "no event"
    raise ValueError(f"{path} holds no {event_type}; it holds {held}.")


def _is_example(path: Path) -> bool:
    if not path.is_file() or path.name.endswith(".expect.yaml"):
        return False
    return path.name.endswith(conversations.ENDING) or path.with_name(f"{path.stem}.expect.yaml").is_file()
