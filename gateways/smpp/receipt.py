"""What a deliver_sm says: a receipt by TLVs or by its text, or a text from a phone. Pure.

Receipts are vendor-specific in all but the idea: key order, case and spaces differ, dates have no zone (and are not
used), and the id may be written in another base than in the answer to the submit (jookies/jasmin issue 210,
MavoCz/smscsim issue 4, telenordigital/sms-smpp 153; read 2026-10).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from hashlib import blake2b

from gateways.smpp import pdu as smpp
from gateways.smpp import text as smpp_text
from gateways.smpp.pdu import Address, Malformed, Short
from model.message import State
from model.sending import Receipt, Reply
from wire import e164

STATES: Mapping[str, State] = {
    "SCHEDULED": State.SENDING,  # version 5
    "ENROUTE": State.SENT,
    "ACCEPTD": State.SENT,  # Kannel counts it as intermediate; Melrose calls it final
    "ACCEPTED": State.SENT,
    "BUFFRED": State.SENT,  # Kannel's list of intermediate words, in both spellings
    "BUFFERD": State.SENT,
    "ACKED": State.SENT,
    "DELIVRD": State.DELIVERED,
    "EXPIRED": State.EXPIRED,
    "DELETED": State.REJECTED,
    "UNDELIV": State.UNDELIVERED,
    "REJECTD": State.REJECTED,
    "SKIPPED": State.FAILED,  # version 5
    "FAILED": State.FAILED,
    "UNKNOWN": State.UNCONFIRMED,
}
BY_NUMBER = (
    "SCHEDULED", "ENROUTE", "DELIVRD", "EXPIRED", "DELETED", "UNDELIV", "ACCEPTD", "UNKNOWN", "REJECTD", "SKIPPED",
)  # fmt: skip
"""Values of the TLV message_state."""

ID_FORMATS = ("auto", "raw", "hex", "dec")
FIELD = re.compile(
    r"\b(id|sub|dlvrd|submit ?date|done ?date|stat|err)\s{0,3}:\s{0,3}((?!\w{1,9}:)\S{0,80})", re.IGNORECASE
)
TEXT = re.compile(r"\btext\s{0,3}:", re.IGNORECASE)
IS_RECEIPT, IS_INTERMEDIATE, KIND = 0x04, 0x20, 0x3C
SAME_WITHIN = 600
"""Seconds in which the same words from the same phone are one text that the SMSC repeated: MO texts carry no id."""


def is_receipt(short: Short, words: str) -> bool:
    """Tell a receipt from a text; some SMSCs forget the bit that says so."""
    if short.esm_class & KIND in {IS_RECEIPT, IS_INTERMEDIATE} or smpp.RECEIPTED_ID in short.tlvs:
        return True
    found = _fields(words)
    return "id" in found and "stat" in found and ("dlvrd" in found or "submitdate" in found or "donedate" in found)


def receipt(short: Short, words: str, id_format: str) -> Receipt:
    """Read a receipt: TLVs first, then the text. Raises Malformed when it names no message."""
    fields = _fields(words)
    provider_id = smpp.message_id(short.tlvs.get(smpp.RECEIPTED_ID, b"")) or fields.get("id", "")
    if not provider_id:
        raise Malformed("a receipt without an id")
    number = short.tlvs.get(smpp.MESSAGE_STATE, b"")[:1]
    word = BY_NUMBER[number[0]] if number and number[0] < len(BY_NUMBER) else fields.get("stat", "").upper()
    to = e164.plus(short.source.value.decode("latin-1"))
    return Receipt(
        state=STATES.get(word, State.UNCONFIRMED),
        provider_id=provider_id,
        raw_status=word or (str(number[0]) if number else ""),
        error_code=_error(short.tlvs.get(smpp.NETWORK_ERROR, b""), fields.get("err", "")),
        spellings=spellings(provider_id, id_format),
        number=to,
    )


def reply(short: Short, alphabet: str, now: datetime) -> Reply:
    """Read a text from a phone, or one part of a long one. Raises Malformed when nobody sent it."""
    text, part = smpp_text.read(short, alphabet)
    if not short.source.value:
        raise Malformed("a text from nobody")
    if part is None:
        text = text.encode("utf-16-be", "surrogatepass").decode("utf-16-be", "replace")
    same = (short.source.value, short.to.value, short.content, str(int(now.timestamp()) // SAME_WITHIN).encode())
    return Reply(
        id=blake2b(b"".join(len(one).to_bytes(4, "big") + one for one in same), digest_size=12).hexdigest(),
        number=_number(short.source),
        to=_number(short.to),
        text=text,
        part=part,
    )


def spellings(provider_id: str, id_format: str) -> tuple[str, ...]:
    """Return how the answer to the submit may have written an id that a receipt writes like this.

    `hex` and `dec` say how receipts write what answers write in the other base. Zeros are never taken from an id
    that is not a number: a UUID would no longer be itself (jookies/jasmin issue 643).
    """
    if id_format == "raw" or not re.fullmatch(r"[0-9A-Fa-f]{1,20}", provider_id):
        return ()
    found: list[str] = []
    if provider_id.isdecimal() and id_format in {"auto", "dec"}:
        plain = f"{int(provider_id):x}"
        found += [form for hexed in (plain, plain.zfill(8)) for form in (hexed, hexed.upper())]
    if id_format in {"auto", "hex"}:
        found += [str(int(provider_id, 16))]
    found += [provider_id.lstrip("0")] if provider_id.isdecimal() else [provider_id.lower(), provider_id.upper()]
    return tuple(form for form in dict.fromkeys(found) if form and form != provider_id)


def _fields(words: str) -> dict[str, str]:
    """Read `key:value` pairs up to the quoted text, which is a stranger's and may say anything."""
    head = TEXT.split(words[:1000], maxsplit=1)[0]
    found: dict[str, str] = {}
    for key, value in FIELD.findall(head):
        found.setdefault(key.lower().replace(" ", ""), value)
    return found


def _error(tlv: bytes, word: str) -> str:
    """Read network_error_code (network type, then 16 bits), else `err:`; zeros and "nul" mean none."""
    if len(tlv) == 3 and any(tlv[1:]):
        return str(int.from_bytes(tlv[1:], "big"))
    return "" if word.lower() in {"nul", "null", "none"} or not word.strip("0") else word[:20]


def _number(address: Address) -> str:
    """Return E.164 where the address is one; short codes and names stay as they are."""
    value = address.value.decode("latin-1").strip()
    national = address.ton not in {0, 1}  # national, network specific, name, abbreviated: no country to be seen
    return value if national else e164.plus(value)
