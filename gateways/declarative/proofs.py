"""How a callback is proved genuine, and a request signed, as a provider file says."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from model.event import Incoming
from model.reasons import Reason, Refused
from wire import jwt, reading
from wire.signatures import Hmac, Token

LEEWAY = timedelta(minutes=1)
_CREDENTIALS = ("username", "password")


def check(spec: Mapping[str, Any], settings: Mapping[str, Any], incoming: Incoming, now: datetime) -> None:
    """Check a callback by the `verify` of a file. Raises Refused."""
    option = {name: str(settings.get(spec.get(name, ""), "") or "") for name in ("secret", *_CREDENTIALS)}
    if spec.get("type") == "basic":
        pair = [":".join(option[name] for name in _CREDENTIALS)] if all(map(option.get, _CREDENTIALS)) else []
        Token(kind="basic").check(incoming, pair, now)
    elif spec.get("type") == "hmac":
        hmac_of(spec, spec["header"]).check(incoming, [option["secret"]], now)
    elif spec.get("type") == "jwt":
        _check_token(spec, incoming, option["secret"], now)


def _check_token(spec: Mapping[str, Any], incoming: Incoming, secret: str, now: datetime) -> None:
    """Check a JWT. One that only says when it was made proves the sender, not the body: its time must be close."""
    given = incoming.header(spec["header"])
    if not given:
        raise Refused(Reason.NO_SIGNATURE, f"Header {spec['header']} is missing.")
    claims = jwt.claims_of(given.rpartition(" ")[2], [secret])
    if spec["claims"] == "time":
        jwt.check_times(claims, now, leeway=LEEWAY, max_age=timedelta(seconds=int(spec.get("tolerance", 300))))
        return
    jwt.check_times(claims, now, leeway=LEEWAY)
    if any(claims.get(name, None) != value for name, value in reading.json_object(incoming.body).items()):
        raise Refused(Reason.BAD_SIGNATURE, "The token speaks of another body.")


def hmac_of(spec: Mapping[str, Any], header: str) -> Hmac:
    """Return the signature a section of a file describes."""
    window = timedelta(seconds=int(spec.get("tolerance", 300)))
    return Hmac(
        header=header,
        signed=spec.get("signed", "{body}"),
        digest=spec.get("digest", "sha256"),
        encoding=spec.get("encoding", "hex"),
        prefix=spec.get("prefix", ""),
        timestamp_header=spec.get("timestamp_header", ""),
        past=window,
        future=window,
    )
