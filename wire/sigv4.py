"""AWS Signature Version 4: how a request to AWS proves who sends it.

Source: "Signature Version 4 signing process" of the AWS documentation and botocore auth.py, read 2026-10; compared
with botocore byte by byte in tests/gateways/test_signers.py.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from wire.http import Call

FORM = "application/x-www-form-urlencoded; charset=utf-8"
SAFE = "-_.~"
DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who signs, and for which service in which region."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(default="", repr=False)
    region: str
    service: str


def post(url: str, headers: Mapping[str, str], body: bytes, identity: Identity, now: datetime) -> Call:
    """Return a signed POST of exactly these bytes."""
    return Call(method="POST", url=url, headers=signed("POST", url, headers, body, identity, now), body=body)


def post_form(url: str, fields: Mapping[str, str], identity: Identity, now: datetime) -> Call:
    """Return a signed POST of a form, as the older AWS services want it."""
    return post(url, {"Content-Type": FORM}, urlencode(fields).encode(), identity, now)


def signed(
    method: str, url: str, headers: Mapping[str, str], body: bytes, identity: Identity, now: datetime
) -> dict[str, str]:
    """Return `headers` with the date, the session token and the Authorization that AWS asks for."""
    stamp = f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    added = {"X-Amz-Date": stamp}
    if identity.session_token:
        added["X-Amz-Security-Token"] = identity.session_token
    every = {**headers, **added}
    covered = {name.lower(): " ".join(value.split()) for name, value in every.items()} | {"host": _host(url)}
    names = ";".join(sorted(covered))
    scope = f"{stamp[:8]}/{identity.region}/{identity.service}/aws4_request"
    canonical = "\n".join(
        (
            method,
            quote(urlsplit(url).path or "/", safe=f"/{SAFE}"),
            _query(url),
            *(f"{name}:{covered[name]}" for name in sorted(covered)),
            "",
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    to_sign = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = _mac(_key(identity, stamp[:8]), to_sign).hex()
    credential = f"Credential={identity.access_key}/{scope}"
    return {**every, "Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders={names}, Signature={signature}"}


def _host(url: str) -> str:
    """Return the Host header as it is sent: the port only where it is not the usual one."""
    parts = urlsplit(url)
    return parts.netloc.rpartition("@")[2].lower().removesuffix(DEFAULT_PORTS.get(parts.scheme, ""))


def _query(url: str) -> str:
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True)
    return "&".join(
        f"{name}={value}" for name, value in sorted((quote(n, safe=SAFE), quote(v, safe=SAFE)) for n, v in pairs)
    )


def _key(identity: Identity, day: str) -> bytes:
    key = f"AWS4{identity.secret_key}".encode()
    for part in (day, identity.region, identity.service, "aws4_request"):
        key = _mac(key, part)
    return key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
