"""How many parts a text costs, where it is cut, and which characters make it dear.

GSM 03.38 as in 3GPP TS 23.038: 160 units in one part, 153 in each of several; UCS-2 70 and 67. Counted in units
(an extension character or an astral character is two), filled greedily, and a pair is never cut, so a part may
hold 152 or 66. `ceil(units / 153)` is wrong at exactly those edges.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

Encoding = Literal["gsm7", "ucs2"]
Level = Literal["off", "safe", "strip-accents", "ascii"]

# ESC is left out: as a character of a text it would swallow the one behind it.
_BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = "\f^{}\\[~]|€"
_GSM = frozenset(_BASIC + _EXTENSION)
_ALIEN = re.compile(f"[^{re.escape(_BASIC + _EXTENSION)}]")
_ESCAPED = re.compile(f"[{re.escape(_EXTENSION)}]")
_ASTRAL = re.compile("[\U00010000-\U0010ffff]")
# Halves of a pair that arrive as two characters (badly decoded JSON) belong together just the same.
_HALVES = re.compile("[\ud800-\udfff]")
_ATOM = re.compile("[\ud800-\udbff][\udc00-\udfff]|.", re.DOTALL)
_LIMITS: dict[Encoding, tuple[int, int]] = {"gsm7": (160, 153), "ucs2": (70, 67)}
_MOST_FLIPS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a text costs: encoding, units in all and per part, and the characters that force UCS-2."""

    encoding: Encoding
    units: int
    parts: tuple[int, ...]
    flips: tuple[str, ...] = ()

    @property
    def segments(self) -> int:
        """The number of billed parts; an empty text has none."""
        return len(self.parts)


def measure(text: str) -> Measure:
    """Count a text as it would be sent, in time linear in its length."""
    flips = tuple(dict.fromkeys(_ALIEN.findall(text)))[:_MOST_FLIPS]
    encoding: Encoding = "ucs2" if flips else "gsm7"
    units = len(text) + len(_wide(encoding).findall(text))
    if units <= _LIMITS[encoding][0]:
        parts: tuple[int, ...] = (units,) if text else ()
    else:
        parts = tuple(size for _, size in _fill(text, encoding))
    return Measure(encoding=encoding, units=units, parts=parts, flips=flips)


def split(text: str) -> list[str]:
    """Cut a text into the texts of its parts; joined they are the text again."""
    measured = measure(text)
    if measured.segments <= 1:
        return [text] if text else []
    return [part for part, _ in _fill(text, measured.encoding)]


def lookalikes(text: str, level: Level = "safe") -> str:
    """Swap characters for look-alikes if that, and only that, lets the whole text travel as GSM-7.

    A text that would stay UCS-2 anyway keeps every character: nobody's name is damaged for nothing, and nothing
    ever becomes a question mark. The mildest level that suffices is used, and only characters outside GSM-7 change.
    """
    text = unicodedata.normalize("NFC", text).replace("\r\n", "\n")
    tried = text
    for strength in _LEVELS[1 : _LEVELS.index(level) + 1]:
        aliens = set(_ALIEN.findall(tried))
        if not aliens:
            return tried
        tried = tried.translate({ord(char): _swap(char, strength) for char in aliens})
    return text if _ALIEN.search(tried) else tried


def _wide(encoding: Encoding) -> re.Pattern[str]:
    """The characters that take two units."""
    return _ESCAPED if encoding == "gsm7" else _ASTRAL


def _fill(text: str, encoding: Encoding) -> Iterator[tuple[str, int]]:
    """Fill parts one after the other; yield each with its units."""
    limit = _LIMITS[encoding][1]
    pairs = set(_wide(encoding).findall(text))
    atoms: Sequence[str] = _ATOM.findall(text) if _HALVES.search(text) else text
    start = end = used = 0
    for atom in atoms:
        size = 2 if atom in pairs else len(atom)
        if used + size > limit:
            yield text[start:end], used
            start, used = end, 0
        used += size
        end += len(atom)
    yield text[start:end], used


_LEVELS: tuple[Level, ...] = ("off", "safe", "strip-accents", "ascii")
# After Twilio's SmartEncodingMap (MIT), with its two gaps closed (U+2011, U+2012) and one space for a space.
_SAFE = {
    **dict.fromkeys("“”„‟«»″〝〞❝❞", '"'),
    **dict.fromkeys("‘’‚‛‹›′`´ʹʻʼʽˈˊˋ❛❜", "'"),
    **dict.fromkeys("‐‑‒–—―−⁃•", "-"),
    **dict.fromkeys("\t\v\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000", " "),
    **dict.fromkeys(map(chr, range(0x2000, 0x200B)), " "),
    **dict.fromkeys("\u00ad\u034f\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\u2062\u2063\u2064\ufeff", ""),
    **dict.fromkeys(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xFE00, 0xFE10))), ""),
    **{chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)},
    "…": "...",
    "‼": "!!",
    "⁇": "??",
    "⁈": "?!",
    "⁉": "!?",
    "⁄": "/",
    "∕": "/",
    "∼": "~",
    "⁓": "~",
}
# Letters whose stroke is no combining mark, so that decomposing leaves them as they are.
_STROKES = dict(zip("łŁđĐðÐħĦıŧŦŋŊəĸ", "lLdDdDhHitTnNek", strict=True))
_STROKES |= {"œ": "oe", "Œ": "OE", "þ": "th", "Þ": "Th", "ẞ": "SS", "Ə": "E"}
_SYMBOLS = {"©": "(c)", "®": "(R)", "×": "x", "÷": "/", "·": ".", "¢": "c", "¦": "|", "¬": "-", "±": "+/-"}


def _swap(char: str, level: Level) -> str:
    """Return what stands in for a character outside GSM-7 at a level, or the character itself."""
    if level == "safe":
        return _SAFE.get(char, char)
    if level == "strip-accents":
        return _STROKES.get(char) or _without_marks(char, "NFD")
    return _SYMBOLS.get(char) or _without_marks(char, "NFKD")


def _without_marks(char: str, form: Literal["NFD", "NFKD"]) -> str:
    """Return the bare letter of an accented one, nothing for a mark. A fraction stays: 1½ is not 11/2."""
    if unicodedata.decomposition(char).startswith("<fraction>"):
        return char
    bare = "".join(c for c in unicodedata.normalize(form, char) if unicodedata.category(c) != "Mn")
    return bare if all(c in _GSM for c in bare) else char
