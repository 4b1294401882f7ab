"""Signatures made with a sender's certificate: where the certificate is found, how long it is kept, what it proves.

A request can only name the certificate it was signed with. So the first request that names a new one has to wait until
it is fetched; what is fetched is kept in memory. Anybody may send a request that names something, so only a few are
fetched a minute, and the caller says which addresses may be asked at all.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateKey,
    RSAPrivateNumbers,
    RSAPublicKey,
    RSAPublicNumbers,
    rsa_crt_dmp1,
    rsa_crt_dmq1,
    rsa_crt_iqmp,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import (
    Certificate,
    DNSName,
    ExtensionNotFound,
    SubjectAlternativeName,
    load_pem_x509_certificates,
)
from cryptography.x509.oid import NameOID

from model.reasons import Reason, Refused

PER_MINUTE, KEPT = 6, 50
P = (
    "dc6bb3a3b9f885fb9d9b1cb54b77ac5f7a8b9fba413675fdd95941a47aa2676dd6d78082a3e1f8fce0511f3ff092845f"
    "5742a59c78e58a9371293c9803c650a4d23294c16918fb4665f97517de8de3132f98837b890344ed0aa4952d74563b45"
    "079d10847c52bf6b985e5b669904214eda1b0833f0f9c00ef817ce86607e7d23"
)
Q = (
    "c97dec1ca134af7c8b6a382bdab58291d0903fbe92d5e6e86b8f9177f2eaa2e5fbda9f4e8f9e589d06bd4312f52faa0b"
    "87e7266f3fbced899d31d25477d440a7d83bf05ebdd5766f740f530e32d860e72f801c39a16c50691de80f142c91a5e4"
    "ca424ebd9e95dd5000cacfe8717efee5b2535df3a0e6ac1cb6b3a6cc72832ec5"
)
"""The primes of the key that signs the samples, for all to see: only a source that pins its certificate believes it."""


@dataclass(slots=True, kw_only=True)
class Certificates:
    """The certificates of one sender: those `given` and no other, or else what `fetch` returns for an address."""

    fetch: Callable[[str], bytes]
    given: Sequence[Certificate] = ()
    _kept: dict[str, Sequence[Certificate]] = field(default_factory=dict)
    _fetches: deque[datetime] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, url: str, now: datetime) -> Sequence[Certificate]:
        """Return the certificates to try. Raises Refused, as `fetch` may."""
        found = self.given or self._kept.get(url)
        if found:
            return found
        with self._lock:
            if url not in self._kept:
                self._spare(now)
                found = pinned(self.fetch(url).decode("utf-8", "replace"))
                if not found:
                    raise Refused(Reason.BAD_SIGNATURE, "There is no certificate where the request says.")
                newest = list(self._kept.items())[1 - KEPT :]
                self._kept = {**dict(newest), url: found}  # never changed in place: others read it without the lock
            return self._kept[url]

    def _spare(self, now: datetime) -> None:
        while self._fetches and now - self._fetches[0] >= timedelta(minutes=1):
            self._fetches.popleft()
        if len(self._fetches) >= PER_MINUTE:
            raise Refused(Reason.BAD_SIGNATURE, "Too many certificates were asked for in this minute.")
        self._fetches.append(now)


def pinned(pem: str) -> tuple[Certificate, ...]:
    """Read certificates in PEM text (also with \\n written out, as in a variable), () where there are none."""
    try:
        return tuple(load_pem_x509_certificates(pem.replace("\\n", "\n").encode())) if pem.strip() else ()
    except ValueError:
        return ()


def fits(certificate: Certificate, owner: str, message: bytes, signature: bytes, now: datetime) -> bool:
    """Tell whether an RSA-SHA256 signature was made with a certificate that is valid now and ends in `owner`."""
    key = certificate.public_key()
    is_valid = certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc
    if not is_valid or not isinstance(key, RSAPublicKey) or not any(n.endswith(owner) for n in _names(certificate)):
        return False
    try:
        key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


@cache
def rehearsal_key() -> RSAPrivateKey:
    """Return the key that signs the samples."""
    p, q = (int(prime, 16) for prime in (P, Q))
    e, d = 65537, pow(65537, -1, (p - 1) * (q - 1))
    public = RSAPublicNumbers(e, p * q)
    numbers = RSAPrivateNumbers(p, q, d, rsa_crt_dmp1(d, p), rsa_crt_dmq1(d, q), rsa_crt_iqmp(p, q), public)
    return numbers.private_key()


def _names(certificate: Certificate) -> list[str]:
    common = [str(one.value).lower() for one in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        others = certificate.extensions.get_extension_for_class(SubjectAlternativeName).value
    except (ExtensionNotFound, ValueError):
        return common
    return [*common, *(name.lower() for name in others.get_values_for_type(DNSName))]
