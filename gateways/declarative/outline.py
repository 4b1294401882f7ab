"""What a provider file says before the first text: its options, what the provider can do, and what an account adds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from gateways.base import FROM, Capabilities, Option
from gateways.declarative import template
from model.reasons import ConfigError, Problem

DRY_RUN = Option(text="Let the provider check each request and send nothing.", default=False)


def options_of(document: Mapping[str, Any]) -> dict[str, Option]:
    """Return the settings of a gateway: those the file declares and those every such gateway has."""
    options = {
        name: Option(
            text=row["text"],
            default=row.get("default", ""),
            required=row.get("required") == "yes",
            secret=row.get("secret") == "yes",
        )
        for name, row in document.get("options", {}).items()
    }
    if "base_url" not in options:
        options["base_url"] = Option(text="The provider's address.", default=document["base_url"])
    options["from"] = options.get("from", FROM)
    if "test" in document:
        options["dry_run"] = DRY_RUN
    return options


def capabilities_of(document: Mapping[str, Any]) -> Capabilities:
    """Return what the provider can do, as far as the file makes use of it."""
    used = template.holes(document["send"])
    receipt = document.get("receipt", {})
    signed = receipt.get("verify", {}).get("type", "none") != "none"
    proof = "none" if not receipt else "signed" if signed else "token"
    return Capabilities(
        number_format="plus" if document["number_format"] == "e164" else "digits",
        max_segments=int(document.get("limits", {}).get("max_segments", Capabilities().max_segments)),
        validity=bool(used & {"validity_seconds", "validity_minutes"}),
        client_reference="ref" in used and "ref" in receipt,
        idempotent="key" in used and document["idempotency"]["repeat"] == "documented",
        per_message_callback="receipt_url" in used,
        receipts=cast("Literal['none', 'token', 'signed']", proof),
        replies="inbound" in document,
        test_mode="test" in document,
        unverified=document.get("unverified", ""),
    )


def whole(document: Mapping[str, Any], settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the file, a profile as these settings settle it."""
    return template.settled(document, settings) if template.is_profile(document) else document


def for_account(name: str, document: Mapping[str, Any], settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a profile as this account's settings settle it. Raises ConfigError: half a profile must not send."""
    problems = template.check_account(dict(document), settings, document["gateway"])
    if problems:
        raise ConfigError([Problem(path=f"gateways.{name}", line=1, column=1, text=text) for text in problems])
    return template.settled(document, settings)
