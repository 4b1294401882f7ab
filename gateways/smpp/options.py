"""The settings of an SMPP gateway: declared, checked, and turned into what the session and the codec want. Pure."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from gateways.base import FROM, Option
from gateways.smpp import pdu as smpp
from gateways.smpp import receipt as smpp_receipt
from gateways.smpp import text as smpp_text
from gateways.smpp.link import Terms
from gateways.smpp.pdu import Address
from model.sending import ErrorClass
from wire import e164

OPTIONS: Mapping[str, Option] = {
    "host": Option(text="Name or address of the SMSC.", required=True),
    "port": Option(text="Its port.", default=2775),
    "tls": Option(text="Speak TLS from the first byte.", default=False),
    "tls_ca": Option(text="A file with the SMSC's own certificate authority, where it has one.", default=""),
    "system_id": Option(text="The account.", required=True),
    "password": Option(text="The password.", required=True, secret=True),
    "system_type": Option(text="The system type the SMSC asks for; often none.", default=""),
    "address_range": Option(text="Whose replies to get, as the SMSC writes it; often none.", default=""),
    "bind": Option(
        text="transceiver, pair (a transmitter and a receiver), or transmitter (no receipts).", default="transceiver"
    ),
    "from": FROM,
    "window": Option(text="How many submits may wait for an answer at the same time.", default=10),
    "enquire_link": Option(text="Seconds of silence after which the link is tested.", default=30),
    "response_timeout": Option(text="Seconds a submit waits for its answer; at most 20.", default=20),
    "reconnect": Option(text="Seconds before the first new try; they double up to a minute.", default=1),
    "throttle_pause": Option(text="Seconds the bind rests when the SMSC asks to slow down.", default=1),
    "alphabet": Option(text="What data_coding 0 means to the SMSC: gsm7, latin1 or ascii.", default="gsm7"),
    "coding": Option(text="How plain texts travel: default (data_coding 0), latin1 or ucs2.", default="default"),
    "long": Option(
        text="How long texts travel: udh, udh16, sar or payload (the SMSC cuts). Previews count udh.", default="udh"
    ),
    "source_ton_npi": Option(text='Type and plan of the sender, such as "5,0"; by its form when empty.', default=""),
    "dest_ton_npi": Option(text='Type and plan of the number, such as "1,1".', default="1,1"),
    "service_type": Option(text="The service type; often none.", default=""),
    "registered_delivery": Option(text="1 asks for final receipts, 0 for none, 17 for all.", default=1),
    "id_format": Option(
        text="How receipts write ids: raw (as answers do), hex or dec (answers the other), auto.", default="auto"
    ),
    "statuses": Option(
        text="The SMSC's own statuses: a table such as {0x0401 = 'retry'}; others are final.", default={}
    ),
}
BINDS = {
    "transceiver": (smpp.BIND_TRANSCEIVER,),
    "pair": (smpp.BIND_TRANSMITTER, smpp.BIND_RECEIVER),
    "transmitter": (smpp.BIND_TRANSMITTER,),
}
CHOICES: Mapping[str, Sequence[str]] = {
    "bind": tuple(BINDS),
    "alphabet": ("gsm7", "latin1", "ascii"),
    "coding": ("default", "latin1", "ucs2"),
    "long": smpp_text.LONG,
    "id_format": smpp_receipt.ID_FORMATS,
}
WHOLE: Mapping[str, tuple[int, int]] = {"port": (1, 65_535), "window": (1, 1_000), "registered_delivery": (0, 31)}
SECONDS: Mapping[str, tuple[float, float]] = {
    "enquire_link": (0.05, 600),
    "response_timeout": (0.05, 20),  # two of them and the waiting stay within the dispatcher's lease of 60 s
    "reconnect": (0.01, 60),
    "throttle_pause": (0.01, 5),
}
LONGEST_VALIDITY = timedelta(days=28)
CLASSES = {error.code: error for error in ErrorClass if error is not ErrorClass.NONE}


def checked(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with their numbers as numbers. Raises ValueError with a sentence for the operator."""
    found = dict(settings)
    for name, words in CHOICES.items():
        if found[name] not in words:
            raise ValueError(f"{name} must be one of {', '.join(words)}.")
    if not isinstance(found["tls"], bool):
        raise ValueError("tls must be true or false.")
    for name, (least, most) in {**WHOLE, **SECONDS}.items():
        found[name] = _number(name, found[name], int if name in WHOLE else float, least, most)
    for name in ("system_id", "password", "system_type", "address_range", "service_type", "from"):
        found[name] = str(found[name] or "")
        if not found[name].isascii() or "\x00" in found[name]:
            raise ValueError(f"{name} must be plain ASCII.")
    return found


def _number(name: str, value: Any, kind: type[int | float], least: float, most: float) -> int | float:
    try:
        number = kind(value)
    except (TypeError, ValueError):
        number = None
    if number is None or not least <= number <= most:
        raise ValueError(f"{name} must be a number from {least:g} to {most:g}.")
    return number


def terms(settings: Mapping[str, Any]) -> list[Terms]:
    """Say how to connect: one bind, or the transmitter and the receiver of a pair. Raises ValueError."""
    given = [settings[name] for name in ("system_id", "password", "system_type", "address_range")]
    try:
        body = smpp.bind_body(*given)
    except smpp.Malformed as error:
        raise ValueError(f"The sign-in does not fit into a bind: {error}.") from None
    return [
        Terms(
            host=settings["host"], port=settings["port"], command=command, body=body, tls=_tls(settings),
            window=settings["window"], enquire=settings["enquire_link"], timeout=settings["response_timeout"],
            reconnect=settings["reconnect"], throttle=settings["throttle_pause"],
        )
        for command in BINDS[settings["bind"]]
    ]  # fmt: skip


def _tls(settings: Mapping[str, Any]) -> ssl.SSLContext | None:
    if not settings["tls"]:
        return None
    try:
        return ssl.create_default_context(cafile=settings["tls_ca"] or None)
    except OSError as error:
        raise ValueError(f"tls_ca cannot be read: {type(error).__name__}.") from None


def statuses(given: Any) -> dict[int, ErrorClass]:
    """Read the operator's table of the SMSC's own statuses. Raises ValueError."""
    if not isinstance(given, Mapping):
        raise ValueError('statuses must be a table such as {0x0401 = "retry"}.')
    found: dict[int, ErrorClass] = {}
    for status, word in given.items():
        if word not in CLASSES:
            raise ValueError(f"statuses: {word!r} must be one of {', '.join(CLASSES)}.")
        try:
            found[int(str(status), 0)] = CLASSES[word]
        except ValueError:
            raise ValueError(f"statuses: {status!r} is no number.") from None
    return found


def ton_npi(name: str, value: str) -> tuple[int, int] | None:
    """Read "1,1"; None when nothing is given. Raises ValueError."""
    if not value:
        return None
    ton, _, npi = str(value).partition(",")
    if not (ton.strip().isdecimal() and npi.strip().isdecimal() and int(ton) < 7 and int(npi) < 19):
        raise ValueError(f'{name} must be two numbers such as "1,1".')
    return int(ton), int(npi)


def sender(value: str, fixed: tuple[int, int] | None) -> Address:
    """Write a sender: an international number, a short code or a name, told apart by its form."""
    digits = value.removeprefix("+")
    if e164.DIGITS.fullmatch(value):
        ton, npi = fixed or (1, 1)
    elif digits.isdecimal() or not value:
        ton, npi = fixed or ((3, 0) if value else (0, 0))
    else:
        ton, npi = fixed or (5, 0)
        digits = value
    return Address(ton=ton, npi=npi, value=digits.encode("latin-1"))


def validity(given: timedelta) -> bytes:
    """Write validity_period in its relative form, YYMMDDhhmmss000R."""
    seconds = max(int(min(given, LONGEST_VALIDITY).total_seconds()), 1)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    day, hour = divmod(hours, 24)
    return f"0000{day:02}{hour:02}{minute:02}{second:02}000R".encode()
