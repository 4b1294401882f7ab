"""Reading the records of Microsoft Dataverse as its plug-ins and webhooks write them, in the form of its Web API.

Facts: Microsoft.Xrm.Sdk RemoteExecutionContext as JSON, MicrosoftDocs use-webhooks.md, read 2026-11: lists of key and
value, times as /Date(milliseconds)/, choices and amounts as {"Value": 1}, references with their Id and LogicalName.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from wire import reading

DATE = re.compile(r"/Date\((-?[0-9]{1,16})([+-][0-9]{4})?\)/")
LOGICAL = "@Microsoft.Dynamics.CRM.lookuplogicalname"
"""What the Web API puts behind the name of a reference to say which table it leads to."""


def parameter(context: Any, name: str) -> Any:
    """Return one of the input parameters of a context, None where it has none of this name."""
    pairs = reading.items(context, "InputParameters")
    return next((reading.dig(pair, "value") for pair in pairs if reading.text(pair, "key") == name), None)


def attributes(entity: Any) -> dict[str, Any]:
    """Return an entity's columns as the Web API writes them: plain values, references as _column_value."""
    found: dict[str, Any] = {}
    for pair in reading.items(entity, "Attributes"):
        key, value = reading.text(pair, "key"), reading.dig(pair, "value")
        if isinstance(value, dict) and "LogicalName" in value:
            found[f"_{key}_value"] = reading.text(value, "Id")
            found[f"_{key}_value{LOGICAL}"] = reading.text(value, "LogicalName")
        elif isinstance(value, dict):
            found[key] = reading.clean(value.get("Value"))
        elif not isinstance(value, list):
            found[key] = reading.iso(moment(value)) or reading.clean(value)
    return found


def moment(value: Any) -> datetime | None:
    """Read /Date(1700000000000)/; an offset behind it says only where it was written. None for anything else."""
    match = DATE.fullmatch(value) if isinstance(value, str) else None
    return reading.moment(int(match[1]), milliseconds=True) if match else None
