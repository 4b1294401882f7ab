"""The samples a kind of gateway carries: in its own YAML file under `samples:`, or beside its Python file.

    provenance: where the samples come from
    settings: {...}                  settings all samples share
    submit:
      - case: a sentence
        settings: {...}              settings of this sample only
        message: {to, text, ...}     fields of the Submission that differ from `submission()` below
        request: {method, path, query, headers, form | json}   what must be on the wire, exactly (headers: at least)
        answer: {status, headers, body}                        what the provider says; 200 {} when left out
        result: {outcome, error, ...}                          fields of the Result that must come of it
    receipts:
      - {case, incoming: {method, url, query, headers, body}, receipts: [{state, provider_id, ...}]}
    replies:
      - {case, incoming: {...}, replies: [{id, number, to, text, ...}]}
    balance: {request: {path, ...}, answer: {...}, shown: "12.50 EUR"}

Every scalar is read as text. The same keys are checked by gateways/declarative/sample_keys.py for files of both kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import yaml

import gateways
from gateways.base import Gateway
from gateways.declarative import sample_keys, template
from model.event import Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Submission


def of(kind: type[Gateway]) -> Mapping[str, Any]:
    """Return the samples of a kind. Raises ValueError when there are none, or their form is wrong."""
    document: Mapping[str, Any] | None = getattr(kind, "document", None)
    samples: Mapping[str, Any] = document["samples"] if document is not None else _beside(kind.kind)
    return samples


@cache
def _beside(kind: str) -> Mapping[str, Any]:
    path = gateways.HERE / f"{kind}.samples.yaml"
    try:
        found: dict[str, Any] = yaml.load(path.read_text("utf-8"), Loader=template.StringsOnly)  # noqa: S506 - a SafeLoader subclass
    except OSError:
        raise ValueError(f"{path.name} is missing.") from None
    if problems := list(sample_keys.SAMPLES("", found)):
        raise ValueError(f"{path.name}: {problems[0]}")
    return found


def submission(**changes: Any) -> Submission:
    """Return a plain text to hand over, with some fields as a sample writes them."""
    for name in ("segments", "attempt"):
        if name in changes:
            changes[name] = int(changes[name])
    if "validity" in changes:
        changes["validity"] = timedelta(seconds=int(changes["validity"]))
    plain = Submission(message_id="m0sample00000001", to="+447700900123", text="Hello")
    return replace(plain, **changes)


def incoming(kind: str, row: Mapping[str, Any], now: datetime) -> Incoming:
    """Return the callback of a sample as the door would see it."""
    given = row["incoming"]
    return Incoming(
        source=kind,
        method=given.get("method", "POST"),
        url=given.get("url", f"https://tidings.example/receipts/{kind}/token"),
        query=given.get("query", {}),
        headers={name.lower(): value for name, value in given.get("headers", {}).items()},
        body=given.get("body", "").encode(),
        received_at=now,
    )


def shown(value: Any) -> str:
    """Write a value as samples write it."""
    if isinstance(value, timedelta):
        return str(int(value.total_seconds()))
    if isinstance(value, Outcome):
        return value.value
    if isinstance(value, ErrorClass | State):
        return value.code
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def facts(found: Any, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return those fields of a value that a sample speaks of, as samples write them."""
    return {field.name: shown(getattr(found, field.name)) for field in fields_of(found) if field.name in wanted}
