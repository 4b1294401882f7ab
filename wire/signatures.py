"""Is this request genuine? One table-driven verifier for every signature that is an HMAC or a shared token.

A connector declares a scheme (`Hmac` or `Token`); `check` and `sign` follow from it, so the two cannot drift apart.
Everything is computed over the raw bytes, compared in constant time, against every configured secret (rotation) and
every signature the header holds. Whatever is wrong, the answer is `Refused` with a 401 reason and never another error.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal, Protocol

from model.event import Incoming
from model.reasons import Reason, Refused

Digest = Literal["sha1", "sha256", "sha512"]
Encoding = Literal["hex", "base64"]
KeyForm = Literal["text", "whsec", "hex", "nfkd"]


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
    Some older schemes are plain digests instead (`keyed` False): there {secret} is one of the parts.
    A header may hold several items split by `separator`; those that start with `prefix` are signatures.
    The timestamp is in its own header, or in the item that starts with `timestamp_prefix`, or in the first item.
    """

    header: str
    signed: str = "{body}"
    digest: Digest = "sha256"
    encoding: Encoding = "hex"
    key: KeyForm = "text"
    keyed: bool = True
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
        if self.id_header and not incoming.header(self.id_header):
            raise Refused(Reason.NO_SIGNATURE, f"Header {self.id_header} is missing.")
        timestamp = self._timestamp(incoming, items)
        self._check_window(timestamp, now)
        message = self._message(incoming, timestamp)
        given = [item.strip()[len(self.prefix) :] for item in items if item.strip().startswith(self.prefix)]
        digests = [self._digest(key, message) for secret in _usable(secrets) if (key := _key(secret, self.key))]
        if not any(_same(digest, item) for digest in digests for item in given):
            self._check_ed25519(items, secrets, message)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request signed as its real sender signs it."""
        seconds = now.timestamp()
        timestamp = str(int(seconds * 1000) if self.milliseconds else int(seconds)) if self._is_timed else ""
        key = _key(secret, self.key)
        if not key:
            raise Refused(Reason.BAD_SIGNATURE, "The configured secret is not in the form this sender uses.")
        signature = self.prefix + self._digest(key, self._message(incoming, timestamp))
        headers = dict(incoming.headers)
        if self.timestamp_header:
            headers[self.timestamp_header.lower()] = timestamp
        elif self.timestamp_prefix or self.timestamp_first:
            signature = f"{self.timestamp_prefix}{timestamp}{self.separator}{signature}"
        headers[self.header.lower()] = signature
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

    def _message(self, incoming: Incoming, timestamp: str) -> Callable[[bytes], bytes]:
        """Return what is signed, as a function of the key: a plain digest has the key among its parts."""
        parts = {
            "{body}": incoming.body,
            "{timestamp}": _bytes(timestamp),
            "{id}": _bytes(incoming.header(self.id_header)),
            "{url}": _bytes(incoming.url),
            "{method}": _bytes(incoming.method),
        }
        pieces = re.split(r"(\{\w+\})", self.signed)
        return lambda key: b"".join(
            key if piece == "{secret}" else parts.get(piece, piece.encode()) for piece in pieces
        )

    def _digest(self, key: bytes, message: Callable[[bytes], bytes]) -> str:
        if self.keyed:
            mac = hmac.new(key, message(key), self.digest).digest()
        else:
            mac = hashlib.new(self.digest, message(key)).digest()
        return mac.hex() if self.encoding == "hex" else base64.b64encode(mac).decode()

    def _check_ed25519(self, items: Iterable[str], secrets: Sequence[str], message: Callable[[bytes], bytes]) -> None:
        """Standard Webhooks' asymmetric variant: `v1a,` signatures and `whpk_` public keys."""
        asymmetric = [secret for secret in secrets if secret.startswith("whpk_")]
        if not asymmetric:
            raise Refused(Reason.BAD_SIGNATURE)
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - 6 MB that few senders need
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415

        for secret in asymmetric:
            for item in (item for item in items if item.startswith("v1a,")):
                try:
                    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(secret[5:], validate=True))
                    key.verify(base64.b64decode(item[4:], validate=True), message(b""))
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
        if self.kind != "plain":  # RFC 9110: the word before the credentials is written in any case
            word, _, rest = given.partition(" ")
            given = f"{word.capitalize()} {rest.strip()}"
        if not any(_same(self._proof(secret), given) for secret in _usable(secrets)):
            raise Refused(Reason.BAD_SIGNATURE)

    def sign(self, incoming: Incoming, secret: str, now: datetime) -> Incoming:
        """Return the request with the secret where the sender puts it."""
        if self.query:
            return replace(incoming, query={**incoming.query, self.query: secret})
        name = (self.header or "authorization").lower()
        return replace(incoming, headers={**incoming.headers, name: self._proof(secret)})

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
    return hmac.compare_digest(_bytes(ours), _bytes(theirs))


def _bytes(text: str) -> bytes:
    """Encode whatever stands in a header: bytes smuggled in as surrogates come out again, other ones do not raise."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def _key(secret: str, kind: str) -> bytes:
    """Return the key in `secret`, b"" where it holds none: with an empty key anybody could sign.

    One badly written secret must not hide the good one beside it, so this does not raise.
    """
    try:
        if kind == "whsec":  # the reference library takes secrets without the final "=" too
            text = secret.removeprefix("whsec_").rstrip("=")
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
        if kind == "hex":
            return bytes.fromhex(secret)
    except ValueError:
        return b""
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
