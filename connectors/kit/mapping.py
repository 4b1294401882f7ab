"""How settings name the fields of a foreign record: the language that all sources share which no file was written for.

`types` turns the sender's words into our event types, `fields` gives paths our names, `time`, `test` and `data` say
where to look. Whoever describes one source so can describe all of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

from connectors.base import Option
from model.event import EVENT_TYPES
from wire import reading

IGNORE, ANY = "ignore", "*"
SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600}

OPTIONS = {
    "time": Option(text="Path of the time the event happened; without one, the time it came in.", default=""),
    "time_zone": Option(text="Zone of times written without one, such as Europe/Berlin.", default=""),
    "test": Option(text="Path of the test mark; with ! before it (!livemode) it marks what is no test.", default=""),
    "data": Option(text="Path of the object carried along; where there is none, the whole event.", default="data"),
    "types": Option(
        text="Table of the sender's types and ours; * stands for any other type, the value ignore drops it.", default={}
    ),
    "fields": Option(text="Table of our field names and their paths in the sender's event.", default={}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """What the settings of one source say about its records. `times` are tried in their order."""

    types: MappingType[str, str]
    fields: MappingType[str, str]
    times: Sequence[str]
    zone: tzinfo | None
    test: str
    data: str

    def type_of(self, native: str) -> str:
        """Return our type for the sender's word, "" for a word that no type can be made of; IGNORE drops it."""
        for name in (native, ANY):
            if name in self.types:
                return self.types[name]
        if native in EVENT_TYPES:
            return native
        word = re.sub(r"[^A-Za-z0-9_.]+", "_", native.removeprefix("custom."))[:100].strip("._")
        return f"custom.{word}" if word else ""

    def time_of(self, record: MappingType[str, Any]) -> datetime | None:
        """Return when it happened, None where no time can be read."""
        for path in self.times:
            if found := moment(reading.dig(record, path), self.zone):
                return found
        return None

    def data_of(self, record: MappingType[str, Any]) -> dict[str, Any]:
        """Return the fields by our names; without names, the part of the record that carries data."""
        if not self.fields:
            found = reading.dig(record, self.data) if self.data else None
            return dict(reading.clean(dict(found if isinstance(found, dict) else record)))
        data: dict[str, Any] = {}
        for name, path in self.fields.items():
            *outer, last = name.split(".")
            place = data
            for step in outer:
                place = place.setdefault(step, {})
            place[last] = reading.clean(reading.dig(record, path))
        return data

    def is_test(self, record: MappingType[str, Any]) -> bool:
        """Tell whether the sender marked it as a test."""
        if self.test.startswith("!"):
            return not reading.flag(record, self.test[1:])
        return bool(self.test) and reading.flag(record, self.test)


def read(given: MappingType[str, Any], *times: str) -> Mapping:
    """Read the settings of a source; `times` are its usual paths of a time. Raises ValueError with a sentence."""
    return Mapping(
        types=_types(given["types"]),
        fields=_fields(given["fields"]),
        times=[given["time"]] if given["time"] else times,
        zone=zone(given["time_zone"]),
        test=given["test"],
        data=given["data"],
    )


def moment(value: Any, zone: tzinfo | None = None) -> datetime | None:
    """Read a time as senders write it: a text, seconds or milliseconds."""
    number = reading.decimal(value)
    # as seconds these would be after the year 5138; longer ones are dates written together: 20261123090000
    milliseconds = number is not None and 10**11 < abs(number) < 10**13
    return reading.moment(value, zone=zone, milliseconds=milliseconds)


def name_of(record: MappingType[str, Any], paths: str | Sequence[str]) -> str:
    """Return the text at a path, or the texts at several as one name. Refuses a record that lacks one."""
    if isinstance(paths, str):
        return reading.required(record, paths)
    return "/".join(quote(reading.required(record, path), safe="") for path in paths)


def check_kinds(options: MappingType[str, Option], given: MappingType[str, Any], kinds: MappingType[str, Any]) -> None:
    """Check that each setting is of the kind its option wants, a text where `kinds` names no other."""
    for name, option in options.items():
        if given[name] is None and option.required:
            raise ValueError(f"Setting {name} is missing. {option.text}")
        if not isinstance(given[name], kinds.get(name, str)):
            wanted = {dict: "a table", bool: "true or false", int: "a number"}.get(type(option.default), "a text")
            raise ValueError(f"Setting {name}: expected {wanted}, found {reading.kind(given[name])}.")
        if name in {"id", "key"}:
            check_paths(name, given[name])


def check_paths(name: str, given: Any) -> None:
    """Refuse a list of paths in which something else stands."""
    if isinstance(given, list) and not (given and all(isinstance(path, str) and path for path in given)):
        raise ValueError(f"Setting {name}: the list must hold paths, such as [order.id, order.state].")


def choice(given: MappingType[str, Any], name: str, choices: Sequence[str]) -> Any:
    """Return the setting where it is one of `choices`. Raises ValueError naming them."""
    if given[name] not in choices:
        raise ValueError(f"Setting {name}: {given[name]!r} is not one of {', '.join(choices)}.")
    return given[name]


def choices(given: MappingType[str, Any], name: str, known: Iterable[str]) -> None:
    """Refuse a setting that lists something unknown. Raises ValueError naming what is known."""
    known = list(known)
    if unknown := [one for one in given[name] if one not in known]:
        raise ValueError(f"Setting {name}: {unknown[0]!r} is not one of {', '.join(known)}.")


def span(name: str, value: Any) -> timedelta:
    """Read a length of time: seconds, or 30s, 5m, 1h."""
    found = re.fullmatch(r"([0-9]{1,6})([smh]?)", str(value))
    if not found or not int(found[1]):
        raise ValueError(f"Setting {name}: {value!r} is not a time such as 300, 30s or 5m.")
    return timedelta(seconds=int(found[1]) * SECONDS[found[2]])


def check_type(name: str, ours: Any) -> None:
    """Refuse what is no event type of ours."""
    if not isinstance(ours, str) or not (ours in EVENT_TYPES or re.fullmatch(r"custom\.[A-Za-z0-9_.]{1,100}", ours)):
        raise ValueError(f"Setting {name}: {ours!r} is not an event type of ours, custom.<name> or ignore.")


def zone(name: str) -> ZoneInfo | None:
    """Return the zone in setting time_zone; None where none is set. Raises ValueError in a sentence."""
    try:
        return ZoneInfo(name) if name else None
    except (OSError, ValueError, KeyError):
        raise ValueError(f"Setting time_zone: {name!r} is not a zone such as Europe/Berlin.") from None


def _types(given: MappingType[str, Any]) -> dict[str, str]:
    for native, ours in given.items():
        if ours != IGNORE:
            check_type(f"types.{native}", ours)
    return dict(given)


def _fields(given: MappingType[str, Any]) -> dict[str, str]:
    for name, path in given.items():
        if not isinstance(path, str) or not path:
            raise ValueError(f"Setting fields.{name}: expected the path of the field in the sender's event.")
        if not all(name.split(".")):
            raise ValueError(f"Setting fields.{name}: a name is made of words with single dots between them.")
        if clash := next((other for other in given if other.startswith(f"{name}.")), None):
            raise ValueError(f"Setting fields.{name}: it cannot be a value and hold {clash} too.")
    return dict(given)
