"""The second factor: codes of six digits that an app and we both make from a secret and the time. RFC 6238, pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import datetime
from urllib.parse import quote, urlencode

PERIOD, DIGITS = 30, 6
DRIFT = 1
"""Steps a phone's clock may be off, either way (RFC 6238 section 5.2 recommends at most one)."""


def step_of(now: datetime) -> int:
    """Return the number of the 30 seconds we are in."""
    return int(now.timestamp()) // PERIOD


def code(secret: str, step: int) -> str:
    """Return the code of a step (RFC 4226 section 5.3). `secret` is base32."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    mac = hmac.new(key, step.to_bytes(8, "big"), hashlib.sha1).digest()
    start = mac[-1] & 15
    number = int.from_bytes(mac[start : start + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def matching_step(secret: str, typed: str, now: datetime) -> int | None:
    """Return the step whose code was typed, None when it is none of now, just before or just after."""
    wanted = "".join(typed.split()).encode("utf-8", "replace")
    here, found = step_of(now), None
    for step in range(here - DRIFT, here + DRIFT + 1):
        if hmac.compare_digest(code(secret, step).encode(), wanted):
            found = step
    return found


def address(secret: str, name: str) -> str:
    """Return what the picture for the app says."""
    label = quote(f"Tidings:{name}", safe=":")
    return f"otpauth://totp/{label}?{urlencode({'secret': secret, 'issuer': 'Tidings'})}"


def picture(secret: str, name: str) -> str:
    """Draw it as a QR code, as SVG without styles of its own."""
    import segno  # noqa: PLC0415 - only who sets up a second factor needs it

    drawn: str = segno.make(address(secret, name), micro=False).svg_inline(
        scale=4, light="#fff", border=4, title="QR code for your app"
    )
    return drawn
