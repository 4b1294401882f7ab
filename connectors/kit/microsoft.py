"""Microsoft's cloud: how all its services give tokens (Entra), and how those that notify are told from strangers.

Facts: learn.microsoft.com "OAuth 2.0 client credentials flow", "Change notifications through webhooks", read 2026-11.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hmac import compare_digest
from typing import Any

from connectors.base import Connector, Option
from connectors.kit import ask
from model.event import Answer, Incoming
from model.reasons import Reason, Refused
from wire import reading
from wire.oauth import Session
from wire.signatures import Token

LONGEST_TOKEN = 1_000
NEEDED = ("tenant", "client_id", "client_secret")
OPTIONS: Mapping[str, Option] = {
    "tenant": Option(text="The Microsoft Entra tenant's id.", default=""),
    "client_id": Option(text="The registered application's id.", default=""),
    "client_secret": Option(text="Its secret.", default="", secret=True),
    "login_url": Option(text="Where tokens are given.", default="https://login.microsoftonline.com"),
}


def session(connector: Connector, scope: str) -> Session:
    """Return how a connector with these options signs in at its tenant, for one service."""
    settings = connector.settings
    return Session(
        token_url=f"{connector.address('login_url')}/{ask.part(str(settings['tenant']))}/oauth2/v2.0/token",
        client_id=str(settings["client_id"]),
        client_secret=str(settings["client_secret"]),
        scope=scope,
    )


class Notified(Connector):
    """A service that sends change notifications, each with the secret in its `clientState`."""

    scheme = Token()  # the secret is in the body: see verify

    def handshake(self, incoming: Incoming, secrets: Sequence[str]) -> Answer | None:
        """Echo the token with which a subscription is made and renewed; as plain text it can do no harm."""
        token = incoming.query.get("validationToken", "")
        is_fit = token and len(token) <= LONGEST_TOKEN and token.isprintable()
        return Answer(body=token, headers={"x-content-type-options": "nosniff"}) if is_fit else None

    def verify(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Check the clientState of every notification in the request."""
        try:
            stated = [reading.text(item, "clientState") for item in notifications(incoming)]
        except Refused:
            stated = []
        if not any(stated):
            raise Refused(Reason.NO_SIGNATURE, "There is no clientState.")
        known = [secret.encode() for secret in secrets if secret]
        if not all(any(compare_digest(secret, one.encode()) for secret in known) for one in stated):
            raise Refused(Reason.BAD_SIGNATURE)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request with the secret as the clientState of every notification."""
        stated = b'"clientState": ' + json.dumps(secret).encode()
        return replace(incoming, body=incoming.body.replace(b'"clientState": ""', stated))


def notifications(incoming: Incoming) -> list[dict[str, Any]]:
    """Return the notifications in a request. Raises Refused(BAD_SHAPE) where there is no list of them."""
    found = reading.dig(reading.json_object(incoming.body), "value")
    if not isinstance(found, list):
        reading.bad_shape("Field value is missing.")
    return [item for item in found if isinstance(item, dict)]
