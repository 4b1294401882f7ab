"""JSON Web Tokens, as far as they are used here: HMAC to prove a callback, RS256 and PS256 to sign in (RFC 7515, 7519).

Only the algorithms a caller names are taken; what a token says about itself decides nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import MGF1, PSS, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from model.reasons import Reason, Refused

HMACS: Mapping[str, str] = {"HS256": "sha256", "HS384": "sha384", "HS512": "sha512"}
MAX_TOKEN = 8_000
LAST_TIME = 10**11  # seconds; some three thousand years from now


def sign_hmac(claims: Mapping[str, Any], secret: str, algorithm: str = "HS256") -> str:
    """Return a token over `claims`, signed with a shared secret."""
    head = _written({"alg": algorithm, "typ": "JWT"}, claims)
    return f"{head}.{_encoded(hmac.new(secret.encode(), head.encode(), HMACS[algorithm]).digest())}"


def sign_rs256(claims: Mapping[str, Any], key: RSAPrivateKey) -> str:
    """Return a token over `claims`, signed with a private key."""
    head = _written({"alg": "RS256", "typ": "JWT"}, claims)
    return f"{head}.{_encoded(key.sign(head.encode(), PKCS1v15(), hashes.SHA256()))}"


def sign_ps256(claims: Mapping[str, Any], key: RSAPrivateKey, *, key_id: str) -> str:
    """Return a token over `claims`, signed with a private key as RFC 7518 section 3.5 says; `kid` names the key."""
    head = _written({"alg": "PS256", "typ": "JWT", "kid": key_id}, claims)
    padding = PSS(mgf=MGF1(hashes.SHA256()), salt_length=hashes.SHA256.digest_size)
    return f"{head}.{_encoded(key.sign(head.encode(), padding, hashes.SHA256()))}"


def private_key(pem: str) -> RSAPrivateKey | None:
    """Read an RSA key from PEM text (also with \\n written out, as in an environment variable), None if it is none."""
    try:
        key = load_pem_private_key(pem.replace("\\n", "\n").encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPrivateKey) else None


def claims_of(token: str, secrets: Sequence[str], algorithms: Sequence[str] = ("HS256",)) -> dict[str, Any]:
    """Return what a token claims. Raises Refused unless one of the secrets signed it with one of the algorithms."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > MAX_TOKEN or not token.isascii():
        raise Refused(Reason.BAD_SIGNATURE, "The token is not a JWT.")
    header, signature = _object(parts[0]), _decoded(parts[2])
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in algorithms or algorithm not in HMACS or "crit" in header:
        raise Refused(Reason.BAD_SIGNATURE, "The token is signed in another way than this sender signs.")
    head = f"{parts[0]}.{parts[1]}".encode()
    ours = [hmac.new(secret.encode(), head, HMACS[algorithm]).digest() for secret in secrets if secret]
    if not any(hmac.compare_digest(one, signature) for one in ours):
        raise Refused(Reason.BAD_SIGNATURE)
    return _object(parts[1])


def claims_by_public_key(token: str, pems: Sequence[str], longest: int = MAX_TOKEN) -> dict[str, Any]:
    """Return what a token claims. Raises Refused unless the private half of one of the keys signed it (RS256)."""
    parts = token.split(".")
    if len(parts) != 3 or len(token) > longest or not token.isascii():
        raise Refused(Reason.BAD_SIGNATURE, "The token is not a JWT.")
    header, signature = _object(parts[0]), _decoded(parts[2])
    if header.get("alg") != "RS256" or "crit" in header:
        raise Refused(Reason.BAD_SIGNATURE, "The token is signed in another way than this sender signs.")
    head = f"{parts[0]}.{parts[1]}".encode()
    for key in filter(None, map(_public_key, pems)):
        with suppress(InvalidSignature):
            key.verify(signature, head, PKCS1v15(), hashes.SHA256())
            return _object(parts[1])
    raise Refused(Reason.BAD_SIGNATURE)


def check_times(
    claims: Mapping[str, Any], now: datetime, *, leeway: timedelta, max_age: timedelta | None = None
) -> None:
    """Refuse claims outside their own `nbf` and `exp`, or, where `max_age` is given, without a recent `iat`."""
    clock, slack = now.timestamp(), leeway.total_seconds()
    times = {name: claims[name] for name in ("iat", "nbf", "exp") if name in claims}
    if not all(_is_time(value) for value in times.values()):
        raise Refused(Reason.BAD_SIGNATURE, "A time in the token is not a number.")
    late = "exp" in times and clock > times["exp"] + slack
    early = any(name in times and clock < times[name] - slack for name in ("nbf", "iat"))
    old = max_age is not None and ("iat" not in times or clock - times["iat"] > max_age.total_seconds())
    if late or early or old:
        raise Refused(Reason.STALE_SIGNATURE)


def check_hash(claims: Mapping[str, Any], name: str, content: bytes) -> None:
    """Refuse unless the claim `name` is the SHA-256 of `content`, in hex."""
    stated = claims.get(name)
    digest = hashlib.sha256(content).hexdigest()
    if not isinstance(stated, str) or not hmac.compare_digest(
        digest.encode(), stated.lower().encode("utf-8", "replace")
    ):
        raise Refused(Reason.BAD_SIGNATURE, f"Claim {name} does not fit.")


def _public_key(pem: str) -> RSAPublicKey | None:
    try:
        key = load_pem_public_key(pem.replace("\\n", "\n").encode())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def _is_time(value: Any) -> bool:
    """NaN compares as neither late nor early, and an endless integer is no float: both are no times."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < LAST_TIME


def _written(header: Mapping[str, Any], claims: Mapping[str, Any]) -> str:
    return ".".join(_encoded(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        raise Refused(Reason.BAD_SIGNATURE, "The token is not a JWT.") from None


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(_decoded(text))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Refused(Reason.BAD_SIGNATURE, "The token is not a JWT.")
    return found
