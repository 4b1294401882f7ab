"""Is this request genuine? One table-driven verifier for every signature that is an HMAC or a shared token.

A connector declares a scheme (`Hmac` or `Token`); `check` and `sign` follow from it, so the two cannot drift apart.
Everything is computed over the raw bytes, compared in constant time, against every configured secret (rotation) and
every signature the header holds. Whatever is wrong, the answer is `Refused` with a 401 reason and never another error.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from model.event import Incoming
from model.reasons import Reason, Refused


class Scheme(Protocol):
    """How one sender proves that a request is its own."""

    def check(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Raise Refused unless the request is genuine."""

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request with the proof added."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hmac:
    """A keyed digest over parts of the request.

    `signed` names the parts: {body}, {timestamp}, {id}, {url}, {method} and literal text between them.
    A header may hold several items split by `separator`; those that start with `prefix` are signatures.
    The timestamp is in its own header, or in the item that starts with `timestamp_prefix`, or in the first item.
    """

    header: str
    signed: str = "{body}"
    digest: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    key: Literal["text", "whsec", "hex", "nfkd"] = "text"
    prefix: str = ""
    separator: str = ""
    id_header: str = ""
    timestamp_header: str = ""
    timestamp_prefix: str = ""
    timestamp_first: bool = False
    milliseconds: bool = False
    past: timedelta | None = None
    future: timedelta | None = None

    def check(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Raise Refused unless one signature in the header fits one of the secrets and the time window."""
        value = incoming.header(self.header)
        if not value:
            raise Refused(Reason.NO_SIGNATURE, f"Header {self.header} is missing.")
        items = value.split(self.separator) if self.separator else [value]
        timestamp = self._timestamp(incoming, items)
        self._check_window(timestamp, now)
        message = self._message(incoming, timestamp)
        given = [item.strip()[len(self.prefix) :] for item in items if item.strip().startswith(self.prefix)]
        if not any(_same(self._digest(secret, message), item) for secret in _usable(secrets) for item in given):
            self._check_ed25519(items, secrets, message)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request signed as its real sender signs it."""
        seconds = now.timestamp()
        timestamp = str(int(seconds * 1000) if self.milliseconds else int(seconds)) if self._is_timed else ""
        signature = self.prefix + self._digest(secret, self._message(incoming, timestamp))
        headers = dict(incoming.headers)
        if self.timestamp_header:
            headers[self.timestamp_header] = timestamp
        elif self.timestamp_prefix or self.timestamp_first:
            signature = f"{self.timestamp_prefix}{timestamp}{self.separator}{signature}"
        headers[self.header] = signature
        return replace(incoming, headers=headers)

    @property
    def _is_timed(self) -> bool:
        return "{timestamp}" in self.signed

    def _timestamp(self, incoming: Incoming, items: list[str]) -> str:
        if self.timestamp_header:
            return incoming.header(self.timestamp_header)
        if self.timestamp_first:
            return items[0].strip()
        if self.timestamp_prefix:
            start = self.timestamp_prefix
            return next((item.strip()[len(start) :] for item in items if item.strip().startswith(start)), "")
        return ""

    def _check_window(self, timestamp: str, now: datetime) -> None:
        if not self._is_timed or (self.past is None and self.future is None):
            return
        if not re.fullmatch(r"[0-9]{1,16}", timestamp):
            raise Refused(Reason.BAD_SIGNATURE, "The timestamp is not a number.")
        age = now.timestamp() - int(timestamp) / (1000 if self.milliseconds else 1)
        too_old = self.past is not None and age > self.past.total_seconds()
        too_new = self.future is not None and -age > self.future.total_seconds()
        if too_old or too_new:
            raise Refused(Reason.STALE_SIGNATURE, f"Its clock differs from ours by {age:.0f} s.")

    def _message(self, incoming: Incoming, timestamp: str) -> bytes:
        parts = {
            "{body}": incoming.body,
            "{timestamp}": timestamp.encode("utf-8", "surrogateescape"),
            "{id}": incoming.header(self.id_header).encode("utf-8", "surrogateescape"),
            "{url}": incoming.url.encode("utf-8", "surrogateescape"),
            "{method}": incoming.method.encode(),
        }
        return b"".join(parts.get(piece, piece.encode()) for piece in re.split(r"(\{\w+\})", self.signed))

    def _digest(self, secret: str, message: bytes) -> str:
        mac = hmac.new(_key(secret, self.key), message, getattr(hashlib, self.digest)).digest()
        return mac.hex() if self.encoding == "hex" else base64.b64encode(mac).decode()

    def _check_ed25519(self, items: Iterable[str], secrets: Sequence[str], message: bytes) -> None:
        """Standard Webhooks' asymmetric variant: `v1a,` signatures and `whpk_` public keys."""
        for secret in (secret for secret in secrets if secret.startswith("whpk_")):
            for item in (item for item in items if item.startswith("v1a,")):
                try:
                    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(secret[5:], validate=True))
                    key.verify(base64.b64decode(item[4:], validate=True), message)
                except (InvalidSignature, ValueError):
                    continue
                return
        raise Refused(Reason.BAD_SIGNATURE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A shared secret sent along as it is: in a header, as bearer or basic credentials, or in the query string."""

    header: str = ""
    query: str = ""
    kind: Literal["plain", "bearer", "basic"] = "plain"

    def check(self, incoming: Incoming, secrets: Sequence[str], now: datetime) -> None:
        """Raise Refused unless the request carries one of the secrets."""
        given = incoming.query.get(self.query, "") if self.query else incoming.header(self.header or "authorization")
        if not given:
            raise Refused(Reason.NO_SIGNATURE, f"{self._place} is missing.")
        if not any(_same(self._proof(secret), given) for secret in _usable(secrets)):
            raise Refused(Reason.BAD_SIGNATURE)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request with the secret where the sender puts it."""
        if self.query:
            return replace(incoming, query={**incoming.query, self.query: secret})
        return replace(incoming, headers={**incoming.headers, self.header or "authorization": self._proof(secret)})

    @property
    def _place(self) -> str:
        return f"Query parameter {self.query}" if self.query else f"Header {self.header or 'authorization'}"

    def _proof(self, secret: str) -> str:
        if self.kind == "bearer":
            return f"Bearer {secret}"
        if self.kind == "basic":
            return "Basic " + base64.b64encode(secret.encode()).decode()
        return secret


def _usable(secrets: Sequence[str]) -> list[str]:
    """Leave out empty secrets: an empty key would let anybody sign."""
    return [secret for secret in secrets if secret and not secret.startswith("whpk_")]


def _same(ours: str, theirs: str) -> bool:
    return hmac.compare_digest(ours.encode(), theirs.encode("utf-8", "surrogateescape"))


def _key(secret: str, kind: str) -> bytes:
    try:
        if kind == "whsec":
            return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        if kind == "hex":
            return bytes.fromhex(secret)
    except (binascii.Error, ValueError):
        raise Refused(Reason.BAD_SIGNATURE, "The configured secret is not in the form this sender uses.") from None
    if kind == "nfkd":
        return unicodedata.normalize("NFKD", secret).encode()
    return secret.encode()


STANDARD_WEBHOOKS = Hmac(
    header="webhook-signature",
    signed="{id}.{timestamp}.{body}",
    encoding="base64",
    key="whsec",
    prefix="v1,",
    separator=" ",
    id_header="webhook-id",
    timestamp_header="webhook-timestamp",
    past=timedelta(minutes=5),
    future=timedelta(minutes=5),
)
"""standardwebhooks.com, specification and Python library, read 2026-10."""
