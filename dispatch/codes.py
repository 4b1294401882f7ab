"""The code of a verification: it follows from the verification's id and a pepper that is kept outside of the database.

So a code is nowhere to be stolen from, a code sent once more is the same one, and what is in flight stays good. Pure.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

from dispatch.code_words import WORDS
from model.ids import ALPHABET

LONGEST_TYPED = 256
BETWEEN = frozenset({"Zs", "Zl", "Zp", "Pd", "Cf", "Cc"})
"""Kinds of characters that people and keyboards put between the parts of a code: spaces, dashes, marks of direction."""
ALSO_BETWEEN = frozenset(".,_\u2212")
HOUSEHOLD = 64
"""Bits of an IPv6 address that tell customers apart; the others each customer sets as they like (RFC 6177)."""
MARK = 10
SEALED = "\x1b"
MARKED = re.compile(f"{SEALED}(v[0-9a-z]{{1,60}}):([0-9a-f]{{32}}){SEALED}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How codes are made: of `length` digits, or of so many `words` where that is not 0."""

    pepper: str
    length: int = 6
    words: int = 0

    def code(self, verification_id: str) -> str:
        """Return the code. 64 bits over a million numbers are even enough: none is likelier than another by 1e-13."""
        found = int.from_bytes(self._mac(f"code:{verification_id}")[:8])
        if not self.words:
            return f"{found % 10**self.length:0{self.length}d}"
        return "-".join(WORDS[found >> 11 * place & 2047] for place in range(self.words))

    def is_right(self, verification_id: str, typed: str) -> bool:
        """Compare in constant time. What people type between digits or words does not count."""
        return _same(self.code(verification_id), typed)

    @property
    def simulated(self) -> str:
        """The code of verifications that a test key started: nothing is sent, so it must be known."""
        return "-".join(WORDS[: self.words]) if self.words else "0" * self.length

    def is_simulated(self, typed: str) -> bool:
        """Compare with the code of simulated verifications, as `is_right` does."""
        return _same(self.simulated, typed)

    def seal(self, text: str, verification_id: str) -> str:
        """Put a mark where the code stands in a text. Only we can make the mark: no name in a text asks for a code."""
        mark = f"{SEALED}{verification_id}:{self._mac(f'seal:{verification_id}').hex()[:32]}{SEALED}"
        return text.replace(self.code(verification_id), mark)

    def reveal(self, text: str) -> str:
        """Put the codes back where their marks stand; anything else that looks like a mark stays."""
        return MARKED.sub(self._revealed, text)

    def id_of(self, plain: str) -> str:
        """Lengthen an id by what nobody can guess, so that nobody uses up the tries of somebody else."""
        mark = self._mac(f"id:{plain}")
        return plain + "".join(ALPHABET[byte & 31] for byte in mark[:MARK])

    def subject(self, *parts: str) -> str:
        """Return what stands for a number and a purpose, also where the number is none."""
        said = "".join(f"{len(part)}:{part}" for part in parts)
        return self._mac(f"subject:{said}").hex()[:32]

    def origin(self, address: str) -> str:
        """Return what stands for a visitor's address in the record."""
        return self._mac(f"origin:{household(address)}").hex()[:16] if address else ""

    def _revealed(self, found: re.Match[str]) -> str:
        verification_id, proof = found[1], found[2]
        wanted = self._mac(f"seal:{verification_id}").hex()[:32]
        return self.code(verification_id) if hmac.compare_digest(proof, wanted) else found[0]

    def _mac(self, said: str) -> bytes:
        return hmac.new(self.pepper.encode(), said.encode("utf-8", "replace"), hashlib.sha256).digest()


def household(address: str) -> str:
    """Return the part of an address that one customer of a provider has for themselves."""
    try:
        read = ip_address(address)
    except ValueError:
        return address
    if isinstance(read, IPv6Address) and read.ipv4_mapped is not None:
        return str(read.ipv4_mapped)
    return str(ip_network((read, HOUSEHOLD), strict=False)) if isinstance(read, IPv6Address) else str(read)


def bare(typed: str) -> str:
    """Return what was typed without case, without what stands between, and with plain digits."""
    folded = unicodedata.normalize("NFKC", typed[:LONGEST_TYPED]).casefold()
    return "".join(_plain(char) for char in folded)


def autofill(domain: str, code: str) -> str:
    """Return the last line by which phones fill the code in by themselves.

    `@host #code`, with exactly one space and no # in the code: Origin-bound one-time codes delivered via SMS, WICG
    draft, and the parser of Chromium (both read 2026-11-23).
    """
    return f"@{domain} #{code}" if domain else ""


def _plain(char: str) -> str:
    if char in ALSO_BETWEEN or unicodedata.category(char) in BETWEEN:
        return ""
    return str(unicodedata.decimal(char)) if char.isdecimal() else char


def _same(code: str, typed: str) -> bool:
    return hmac.compare_digest(bare(code).encode(), bare(typed).encode("utf-8", "replace"))
