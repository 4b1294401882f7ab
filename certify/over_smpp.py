"""What an SMSC may do to a connection: statuses, silence, hang-ups, broken frames, receipts in every manner."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from certify.check import Check, Subject
from certify.junk import HARD_TEXT, STRADDLING
from certify.memory import PHONE, STOP, Memory, memory
from certify.samples import submission
from certify.smsc import (
    NACK,
    OK,
    SUBMIT,
    SYSTEM_ERROR,
    THROTTLED,
    Client,
    Play,
    Smsc,
    Submitted,
    deliver_body,
    hangs_up,
    pdu,
    read_parts,
    receipt_text,
    refuses,
    sends,
    smsc,
    stays_silent,
)
from dispatch.segments import measure
from gateways.base import Gateway
from gateways.smpp import text as smpp_text
from model.message import State
from model.sending import ErrorClass, Outcome, Result

GROUP = "when the SMSC fails"
SHORT = 0.4
"""Seconds an SMSC has for its answer where none is to come."""

HTML = b"HTTP/1.1 502 Bad Gateway\r\n\r\n<html><h1>error</h1></html>"
GIANT = struct.pack(">IIII", 0x7FFFFFFF, SUBMIT | NACK, 0, 1)
OURS = b"447700900100"
OTHER_BASES = (("3039", "12345"), ("00003039", "12345"), ("12345", "3039"), ("ABCDEF", "11259375"))
"""An id as the answer writes it and as the receipt does: jookies/jasmin issue 210 and others, read 2026-10."""


@dataclass(slots=True)
class Scene:
    """A gateway bound to a scripted SMSC, and a record that knows one text."""

    gateway: Gateway
    peer: Smsc
    memory: Memory

    def next_text(self) -> Result:
        """Hand over another text."""
        return self.gateway.submit(submission(message_id="m0sample00000002"))

    def receipt(self, provider_id: str, stat: str = "DELIVRD") -> int:
        """Let the SMSC report; return the status it was answered with."""
        return self.deliver(deliver_body(receipt_text(provider_id, stat), PHONE[1:].encode(), OURS, esm_class=4))

    def deliver(self, body: bytes) -> int:
        """Let the SMSC deliver something; return the status it was answered with."""
        return self.peer.deliver(body, "receiver" if self.gateway.settings["bind"] == "pair" else "transceiver")


@contextmanager
def bound(subject: Subject, **changes: Any) -> Iterator[Scene]:
    """Bind the account's gateway to an SMSC on this machine."""
    with smsc() as peer, memory(subject.now) as there:
        peer.password = str(subject.settings.get("password", "")).encode()
        near = {"host": "127.0.0.1", "port": peer.port, "tls": False, "reconnect": 0.02, "throttle_pause": 0.01}
        gateway = subject.build(**{**near, "response_timeout": 1, **changes})
        try:
            gateway.open(there.inbox)
            yield Scene(gateway=gateway, peer=peer, memory=there)
        finally:
            gateway.close()


def unclear_after(play: Play) -> Callable[[Subject], Iterator[str]]:
    """Make a check: after this the outcome is unknown, nothing was repeated, and the next text is taken."""

    def run(subject: Subject) -> Iterator[str]:
        with bound(subject, response_timeout=SHORT) as scene:
            scene.peer.plays(play)
            result = scene.gateway.submit(submission())
            if (result.outcome, result.error) != (Outcome.UNKNOWN, ErrorClass.UNKNOWN):
                yield f"{result.outcome.value}, {result.error.code}"
            if len(scene.peer.seen) != 1:
                yield f"{len(scene.peer.seen)} submits"
            scene.peer.waits(lambda: scene.next_text().outcome is not Outcome.RETRY)  # until it is bound again
            again = scene.next_text()
            if again.outcome is not Outcome.ACCEPTED:
                yield f"the next text is {again.outcome.value}: {again.text}"

    return run


def half_an_answer(client: Client, submitted: Submitted) -> None:
    """Begin an answer and tear the connection down in the middle of it."""
    client.send(pdu(SUBMIT | NACK, 0, submitted.sequence, b"id-1\0")[:-3])
    with suppress(OSError):
        client.reset()


def throttled(subject: Subject) -> Iterator[str]:
    """Slow down, then go on."""
    with bound(subject) as scene:
        scene.peer.plays(refuses(THROTTLED))
        first, second = scene.gateway.submit(submission()), scene.gateway.submit(submission(attempt=2))
        if (first.outcome, first.error) != (Outcome.RETRY, ErrorClass.THROTTLE):
            yield f"{first.outcome.value}, {first.error.code}"
        if second.outcome is not Outcome.ACCEPTED:
            yield f"the next try is {second.outcome.value}"


def whole_texts(subject: Subject) -> Iterator[str]:
    """Hand over texts whose cuts fall on a pair, and put the parts together again."""
    with bound(subject) as scene:
        for text in (*STRADDLING, HARD_TEXT):
            before, size = len(scene.peer.seen), measure(text)
            result = scene.gateway.submit(submission(text=text, encoding=size.encoding, segments=size.segments))
            arrived = joined(scene.peer.seen[before:], str(scene.gateway.settings["alphabet"]))
            if result.outcome is Outcome.ACCEPTED and arrived != text:
                yield f"{size.segments} parts of {size.encoding}: {arrived[:30]!r}... arrived"
            if result.outcome not in {Outcome.ACCEPTED, Outcome.REJECTED}:
                yield f"{size.segments} parts of {size.encoding}: {result.outcome.value}"


def joined(parts: list[Submitted], alphabet: str) -> str:
    """Read the parts of a text one by one, as a phone does, and put them together."""
    read = [smpp_text.decode(octets, part.data_coding, alphabet) for part, octets in read_parts(parts)]
    return "".join(read)


def other_bases(subject: Subject) -> Iterator[str]:
    """Receipts that write an id in another base than the answer did, early and late."""
    for answered, reported in OTHER_BASES:
        for early in (False, True):
            with bound(subject) as scene:
                if early:
                    scene.receipt(reported)
                text = scene.memory.hands_over(answered)
                if not early:
                    scene.receipt(reported)
                if scene.memory.state(text) != State.DELIVERED.code:
                    yield f"answered {answered}, reported {reported}: the text is {scene.memory.state(text)}"


def any_order(subject: Subject) -> Iterator[str]:
    """Receipts twice, late, early, and about nobody's text; each is answered after it is kept."""
    with bound(subject) as scene:
        scene.receipt("p-2")
        first, second = scene.memory.hands_over("p-1"), scene.memory.hands_over("p-2")
        said = [scene.receipt("p-1", stat) for stat in ("ENROUTE", "DELIVRD", "DELIVRD", "UNKNOWN", "EXPIRED")]
        said.append(scene.receipt("nobody's"))
        states = [scene.memory.state(text) for text in (first, second)]
        if set(said) != {OK}:
            yield f"answered with {said}"
        if states != [State.DELIVERED.code] * 2:
            yield f"the texts are {' and '.join(states)}"


def not_kept(subject: Subject) -> Iterator[str]:
    """While nothing can be kept, the SMSC is asked to send again."""
    with bound(subject) as scene:
        scene.peer.bound("receiver" if scene.gateway.settings["bind"] == "pair" else "transceiver")
        scene.memory.store.close()
        answered = scene.receipt("p-1")
        if answered != SYSTEM_ERROR:
            yield f"answered with 0x{answered:02X}"


def stop(subject: Subject) -> Iterator[str]:
    """A phone says STOP on the connection."""
    with bound(subject) as scene:
        answered = scene.deliver(deliver_body(STOP.encode(), PHONE[1:].encode(), OURS))
        if answered != OK or not scene.memory.stopped():
            yield f"answered with 0x{answered:02X}; the phone {'gets none' if scene.memory.stopped() else 'gets more'}"


def _connects(subject: Subject) -> str:
    return "" if subject.kind.capabilities.receipts == "connection" else "It holds no connection of its own."


def _listens(subject: Subject) -> str:
    if _connects(subject):
        return _connects(subject)
    return "It binds as a transmitter: nothing comes back." if subject.settings.get("bind") == "transmitter" else ""


CHECKS = (
    Check(name="smsc-throttle", group=GROUP, text="RTHROTTLED slows the bind down and keeps the text.", run=throttled,
          not_for=_connects),
    Check(name="smsc-silence", group=GROUP, text="No answer in time: unknown, and nothing is repeated.",
          run=unclear_after(stays_silent), not_for=_connects),
    Check(name="smsc-hangs-up", group=GROUP, text="The connection ends with a submit open: unknown; it binds again.",
          run=unclear_after(hangs_up), not_for=_connects),
    Check(name="smsc-reset", group=GROUP, text="The connection is reset in the middle of an answer: unknown.",
          run=unclear_after(half_an_answer), not_for=_connects),
    Check(name="smsc-html", group=GROUP, text="HTML in place of a PDU: unknown; the connection is made anew.",
          run=unclear_after(sends(HTML)), not_for=_connects),
    Check(name="smsc-giant", group=GROUP, text="A PDU of gigabytes is not waited for: unknown.",
          run=unclear_after(sends(GIANT)), not_for=_connects),
    Check(name="smsc-texts", group="texts", text="Long texts, emoji and € at a cut arrive whole, part by part.",
          run=whole_texts, not_for=_connects),
    Check(name="smsc-receipts", group="receipts", text="Receipts twice, late, early or about nobody's text do no harm.",
          run=any_order, not_for=_listens),
    Check(name="hex-and-decimal", group="receipts", text="An id in another base than the answer's is recognised.",
          run=other_bases, not_for=lambda subject: _listens(subject) or _raw(subject)),
    Check(name="not-kept", group="receipts", text="What cannot be kept is asked for again.", run=not_kept,
          not_for=_listens),
    Check(name="smsc-stop", group="replies", text="A phone that says STOP on the connection gets no more texts.",
          run=stop, not_for=_listens),
)  # fmt: skip


def _raw(subject: Subject) -> str:
    chosen = subject.settings.get("id_format", "auto")
    return "" if chosen == "auto" else f"The settings say how ids are written: {chosen}."
