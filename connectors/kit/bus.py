"""Message buses: what all consumers share. A message holds events as a webhook would, or changes of Debezium."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from connectors.base import Option, PolledOnly
from connectors.kit import changes, mapping, messages
from connectors.kit.changes import Changes
from connectors.kit.messages import Messages
from model.event import EVENT_TYPES, Event, Incoming

WAIT_SECONDS = 1.0  # how soon a stop is noticed while nothing comes
FORMATS = ("events", "debezium")
OPTIONS = {
    "format": Option(text="What a message holds: events, or the changes of debezium.", default="events"),
    **{name: option for name, option in changes.OPTIONS.items() if name not in messages.OPTIONS},
    **messages.OPTIONS,
}
KINDS: Mapping[str, Any] = {**changes.KINDS, "key": str | list, "id": str | list}
POISON = "A message that cannot be read is kept for a person and acknowledged: it does not hold up the others."
AGAIN = "After a crash the last messages may come again; events with the same id count once."


class Bus(PolledOnly):
    """A source that waits at a bus. `kinds` says which settings are no texts."""

    category: ClassVar[str] = "bus"
    event_types: ClassVar[Mapping[str, str]] = EVENT_TYPES
    kinds: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        given = self.settings
        mapping.check_kinds(self.options, given, {**KINDS, **self.kinds})
        self._reader: Changes | Messages
        if mapping.choice(given, "format", FORMATS) == "events":
            self._reader = Messages(given)
        elif not given["key"]:
            raise ValueError("Setting key: format = debezium needs the path of the row's id.")
        else:
            self._reader = Changes({**given, "id": given["id"] if isinstance(given["id"], list) else ()})

    def parse(self, incoming: Incoming) -> list[Event]:
        """Read the events of one message."""
        return self._reader.read(incoming)


def headers_of(pairs: Mapping[str, Any], content_type: str = "") -> dict[str, str]:
    """Return a message's headers as a webhook has them; the attributes of CloudEvents have a prefix on each bus."""
    found: dict[str, str] = {"content-type": content_type} if content_type else {}
    for name, value in pairs.items():
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
        for prefix in ("cloudevents:", "cloudevents_", "ce_"):
            if name.lower().startswith(prefix):
                found[f"ce-{name[len(prefix) :].lower()}"] = text
        found.setdefault(name.lower(), text)
    return found
