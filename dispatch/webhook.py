"""One address of a system that wants to be told: what it may know, how a telling is signed and posted."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from audit.webhooks import ANSWER_KEPT, Telling
from dispatch.news import News, body_of
from model.event import Incoming
from model.telling import TEST
from wire.guard import Guard, bad_url
from wire.http import Call, Client, Forbidden, NotSent, Reply, Unclear
from wire.signatures import STANDARD_WEBHOOKS

CONNECT_SECONDS, READ_SECONDS = 5.0, 15.0
PREFIX = "whsec_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """One address of a system that wants to be told, and what it may know. The first secret is the newest."""

    name: str
    url: str = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)
    events: frozenset[str]
    rules: frozenset[str] = frozenset()
    sources: frozenset[str] = frozenset()
    allow_private: bool = False
    numbers: bool = False
    texts: bool = False

    def wants(self, news: News) -> bool:
        """Tell whether this news is for it. A wish belongs to a person and to no rule or source."""
        if news.type not in self.events:
            return False
        if news.type == "consent.changed":
            return True
        return (not self.rules or news.rule in self.rules) and (not self.sources or news.source in self.sources)

    def faults(self) -> list[str]:
        """Say what is wrong with its settings."""
        found = [f"url cannot be called: {why}."] if (why := bad_url(self.url, private=self.allow_private)) else []
        if not self.secrets or not all(_is_secret(secret) for secret in self.secrets):
            found.append("secret must be whsec_ and the base64 of 24 to 64 bytes.")
        return found


def _is_secret(secret: str) -> bool:
    """Standard Webhooks: whsec_ and base64 of 24 to 64 bytes. Anything shorter could be guessed."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError:
        return False
    return secret.startswith(PREFIX) and 24 <= len(key) <= 64


def new_secret(random_bytes: Callable[[int], bytes]) -> str:
    """Make a secret for a new webhook."""
    return PREFIX + base64.b64encode(random_bytes(32)).decode()


def signed(webhook: Webhook, telling_id: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of Standard Webhooks: one signature for each secret, so that both are good during a change."""
    request = Incoming(source=webhook.name, headers={"webhook-id": telling_id}, body=body)
    made = [STANDARD_WEBHOOKS.sign(request, secret, now).headers for secret in webhook.secrets]
    return {**made[0], "webhook-signature": " ".join(headers["webhook-signature"] for headers in made)}


def client_of(webhook: Webhook) -> Client:
    """Make the way out to a webhook: guarded, without redirects, and with little patience."""
    return Client(
        connect=CONNECT_SECONDS, read=READ_SECONDS, pool=8, guard=Guard(webhook.allow_private), keep=ANSWER_KEPT
    )


def post(http: Client, webhook: Webhook, telling: Telling, now: datetime) -> Reply | str:
    """Post once; return the answer, or in words why there is none."""
    body = telling.body.encode()
    headers = {
        "content-type": "application/json", "user-agent": "Tidings", **signed(webhook, telling.id, body, now),
    }  # fmt: skip
    try:
        return http.send(Call(method="POST", url=webhook.url, headers=headers, body=body))
    except (NotSent, Unclear, Forbidden) as error:
        return str(error)


def trial(webhook: Webhook, telling_id: str, now: datetime) -> Telling:
    """Make the telling that only tries out a webhook."""
    news = News(type=TEST, at=now, sequence=0, ref="", data={"webhook": webhook.name})
    return Telling(
        id=telling_id, webhook=webhook.name, type=TEST, ref=telling_id, body=body_of(news, numbers=False, texts=False)
    )
