"""Any system that posts JSON or forms: its proof and its fields are described in tidings.toml, without code.

Facts: standardwebhooks.com and cloudevents.io (HTTP binding and webhook specification, 1.0.2), both read 2026-10.
CloudEvents are recognised by themselves, structured, binary or as a batch; everything else follows the settings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, get_args
from urllib.parse import urlsplit

from connectors.base import Connector, Http, Option
from connectors.kit import ask, mapping, messages
from connectors.kit.messages import Messages
from model.event import EVENT_TYPES, Answer, Event, Incoming
from model.reasons import Refused
from model.sending import Change
from wire.http import Call
from wire.signatures import STANDARD_WEBHOOKS, Digest, Encoding, Hmac, KeyForm, Scheme, Token

SIGNED_PARTS = {"{body}", "{timestamp}", "{id}", "{url}", "{method}"}
ORIGIN = re.compile(r"[A-Za-z0-9.:/*_-]{1,255}")  # echoed into a header, so nothing else may pass

OPTIONS = {
    "verify": Option(
        text="How requests prove that they are genuine: standard_webhooks, hmac, bearer, header, basic, query or none.",
        required=True,
    ),
    "header": Option(text="hmac, header: the header that holds the signature or the token.", default=""),
    "query": Option(text="query: the parameter of the address that holds the token.", default="token"),
    "digest": Option(text="hmac: sha1, sha256 or sha512.", default="sha256"),
    "encoding": Option(text="hmac: hex or base64.", default="hex"),
    "key_form": Option(text="hmac: how the secret is written: text, hex, whsec (base64) or nfkd.", default="text"),
    "prefix": Option(text="hmac: what stands before the signature, such as sha256= or v1=.", default=""),
    "separator": Option(text="hmac: what stands between the items of the header, such as a comma.", default=""),
    "signed": Option(
        text="hmac: what is signed, made of {body}, {timestamp}, {id}, {url}, {method} and literal text.",
        default="{body}",
    ),
    "id_header": Option(text="hmac: the header that holds {id}.", default=""),
    "timestamp_header": Option(text="hmac: the header that holds {timestamp}.", default=""),
    "timestamp_prefix": Option(text="hmac: marks {timestamp} inside the signature header, such as t=.", default=""),
    "milliseconds": Option(text="hmac: {timestamp} counts milliseconds.", default=False),
    "tolerance": Option(text="hmac: how far {timestamp} may be from our clock: 300, 30s, 5m or 1h.", default="5m"),
    **messages.OPTIONS,
    "write_back_url": Option(
        text="Address that is told what people answer to texts about this source's events.", default=""
    ),
    "write_back_secret": Option(
        text="whsec_ and base64: signs what is posted there, as Standard Webhooks.", default="", secret=True
    ),
}

VERIFICATION_FIELDS = {
    "phone": ("phone", "The number that has to prove itself."),
    "code": ("text", "The code to send."),
    "locale": ("text", "The language to write in, such as de-DE."),
    "purpose": ("text", "What the code is for: login, signup, payment."),
}


class Generic(Connector):
    """A source described by its settings alone."""

    name = "generic"
    title = "Generic webhook"
    category = "generic"
    docs_url = "https://www.standardwebhooks.com"
    event_types: ClassVar[Mapping[str, str]] = EVENT_TYPES
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = {"verification.requested": VERIFICATION_FIELDS}
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    setup: ClassVar[Sequence[str]] = (
        "Own applications: sign as Standard Webhooks (libraries exist for most languages), verify = standard_webhooks.",
        "Other systems: write down how the sender proves itself and where id, type and fields stand in its JSON.",
        "Post a recorded body and look at the event page: it shows every field under the name rules may use.",
    )
    limits: ClassVar[Sequence[str]] = (
        "An event without an id is refused: without one a redelivery could not be told from a second event.",
        "Signatures over the body do not cover the ce- headers of binary CloudEvents: prefer the structured form.",
        "A CloudEvents sender is allowed to post by the handshake answer; WebHook-Request-Callback is not called.",
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        mapping.check_kinds(OPTIONS, self.settings, _KINDS)
        self.scheme, self._is_open = _scheme(self.settings)
        self._messages = Messages(self.settings, "webhook-id" if self.scheme is STANDARD_WEBHOOKS else "")
        _check_write_back(str(self.settings["write_back_url"]), str(self.settings["write_back_secret"]))

    @property
    def needs_secret(self) -> bool:  # type: ignore[override]  # the only connector where the operator decides
        """Tell whether the operator chose a proof."""
        return not self._is_open

    def handshake(self, incoming: Incoming, secrets: Sequence[str]) -> Answer | None:
        """Answer the question of a CloudEvents sender whether it may post here."""
        origin = incoming.header("webhook-request-origin")
        if incoming.method != "OPTIONS" or not ORIGIN.fullmatch(origin):
            return None
        allowed = {"Allow": "POST", "WebHook-Allowed-Origin": origin, "WebHook-Allowed-Rate": "*"}
        return Answer(body="", headers=allowed)

    def parse(self, incoming: Incoming) -> list[Event]:
        """Read every event of the request. One that cannot be read does not cost the others."""
        return self._messages.read(incoming)

    @property
    def hosts(self) -> Sequence[str]:
        """The host of `write_back_url`; nothing else is ever asked."""
        host = urlsplit(str(self.settings["write_back_url"])).hostname
        return (host,) if host else ()

    def write_back(self, event: Event, change: Change, http: Http, now: datetime) -> None:
        """Post the change, signed; the id of the request is the change's, so that a repetition is recognised."""
        ask.needs(self.settings, "write_back_url", "write_back_secret")
        told = {
            "type": "reply.understood",
            "timestamp": change.at.isoformat(),
            "data": {
                "event": {"id": event.id, "type": event.type, "native": event.native_type, "key": event.key},
                "intent": change.intent,
                "fields": dict(change.fields),
                "note": change.note,
            },
        }
        body = json.dumps(told, ensure_ascii=False).encode("utf-8", "replace")
        blank = Incoming(source=self.name, headers={"webhook-id": change.id}, body=body, received_at=now)
        headers = STANDARD_WEBHOOKS.sign(blank, str(self.settings["write_back_secret"]), now).headers
        url = str(self.settings["write_back_url"])
        call = Call(method="POST", url=url, headers={**headers, "content-type": "application/json"}, body=body)
        ask.send(http, call, "The address for answers", fine=(200, 201, 202, 204))


_KINDS: dict[str, Any] = {**messages.KINDS, "tolerance": str | int, "milliseconds": bool}


def _scheme(given: Mapping[str, Any]) -> tuple[Scheme, bool]:
    """Build the proof the operator described; the second value is True where there is deliberately none."""
    builders: dict[str, Callable[[], Scheme]] = {
        "standard_webhooks": lambda: STANDARD_WEBHOOKS,
        "hmac": lambda: _hmac(given),
        "bearer": lambda: Token(kind="bearer"),
        "basic": lambda: Token(kind="basic"),
        "header": lambda: Token(header=_needed(given, "header").lower()),
        "query": lambda: Token(query=_needed(given, "query")),
        "none": _Open,
    }
    word = given["verify"]
    if word not in builders:
        raise ValueError(f"Setting verify: {word!r} is not one of {', '.join(builders)}.")
    return builders[word](), word == "none"


def _hmac(given: Mapping[str, Any]) -> Hmac:
    parts = set(re.findall(r"\{\w*\}", given["signed"]))
    _check_signed(given, parts)
    window = mapping.span("tolerance", given["tolerance"]) if "{timestamp}" in parts else None
    return Hmac(
        header=_needed(given, "header").lower(),
        signed=given["signed"],
        digest=mapping.choice(given, "digest", get_args(Digest)),
        encoding=mapping.choice(given, "encoding", get_args(Encoding)),
        key=mapping.choice(given, "key_form", get_args(KeyForm)),
        prefix=given["prefix"],
        separator=given["separator"],
        id_header=given["id_header"].lower(),
        timestamp_header=given["timestamp_header"].lower(),
        timestamp_prefix=given["timestamp_prefix"],
        milliseconds=given["milliseconds"],
        past=window,
        future=window,
    )


def _check_signed(given: Mapping[str, Any], parts: set[str]) -> None:
    """Check that what is signed and where it is found fit together. Raises ValueError in a sentence."""
    if "{body}" not in parts:
        raise ValueError("Setting signed: {body} is missing, so anybody could change the body.")
    if unknown := sorted(parts - SIGNED_PARTS):
        raise ValueError(f"Setting signed: {unknown[0]} is not one of {', '.join(sorted(SIGNED_PARTS))}.")
    if ("{id}" in parts) != bool(given["id_header"]):
        raise ValueError("Setting id_header: {id} in signed and the header that holds it belong together.")
    if ("{timestamp}" in parts) != bool(given["timestamp_header"] or given["timestamp_prefix"]):
        raise ValueError(
            "Setting timestamp_header: {timestamp} in signed and its place (timestamp_header or timestamp_prefix)"
            " belong together."
        )
    if given["timestamp_prefix"] and not given["separator"]:
        raise ValueError("Setting separator: timestamp_prefix needs the mark between the items, such as a comma.")


def _check_write_back(url: str, secret: str) -> None:
    if not url:
        return
    if urlsplit(url).scheme not in {"https", "http"} or not urlsplit(url).hostname:
        raise ValueError("Setting write_back_url: expected an address such as https://shop.example/answers.")
    trial = datetime.fromtimestamp(0, UTC)
    try:
        STANDARD_WEBHOOKS.sign(Incoming(source="", headers={"webhook-id": "trial"}, received_at=trial), secret, trial)
    except Refused:
        raise ValueError("Setting write_back_secret: expected whsec_ and base64, to sign what is posted.") from None


def _needed(given: Mapping[str, Any], name: str) -> str:
    value: str = given[name]
    if not value:
        raise ValueError(f"Setting {name}: verify = {given['verify']} needs it.")
    return value


class _Open:
    """No proof at all, by the operator's written wish; something in front of us has to guard the address."""

    def check(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Let everybody in."""

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request as it is."""
        return incoming


CONNECTOR = Generic
