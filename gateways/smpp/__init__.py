"""SMPP 3.4: a connection of our own to a carrier or aggregator, for texts, receipts and replies alike.

Sources: SMPP Protocol Specification v3.4, Issue 1.2; status classes after Kannel (gw/smsc/smsc_smpp.c) and NowSMS's
error code reference, read 2026-10. Decision 8 says why codec and session are ours.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, ClassVar

from gateways.base import Capabilities, Gateway, Inbox, Option, half_a_character, is_unicode, of_class
from gateways.smpp import options as smpp_options
from gateways.smpp import pdu as smpp
from gateways.smpp import receipt as smpp_receipt
from gateways.smpp import text as smpp_text
from gateways.smpp.link import Refused
from gateways.smpp.pdu import Address, Malformed, Pdu, Short
from gateways.smpp.session import Binds, is_taken
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, SentPart, Submission
from wire.http import Client, NotSent

log = logging.getLogger("tidings.gateways")
AGAIN, SLOW, NEVER = ErrorClass.RETRY, ErrorClass.THROTTLE, ErrorClass.PERMANENT
STATUSES: Mapping[int, tuple[ErrorClass, str]] = {
    0x01: (ErrorClass.CONTENT, "The text is too long for this SMSC."),  # ESME_RINVMSGLEN
    0x02: (AGAIN, "The SMSC lost the thread of the connection."),  # ESME_RINVCMDLEN
    0x03: (AGAIN, "The SMSC does not know this command."),  # ESME_RINVCMDID
    0x04: (AGAIN, "The SMSC says that we are not bound."),  # ESME_RINVBNDSTS
    0x08: (AGAIN, "The SMSC has an error of its own."),  # ESME_RSYSERR
    0x0A: (ErrorClass.SENDER_CONFIG, "The SMSC refuses the sender."),  # ESME_RINVSRCADR
    0x0B: (NEVER, "The SMSC refuses the number."),  # ESME_RINVDSTADR: another carrier will, too
    0x14: (SLOW, "The SMSC's queue is full."),  # ESME_RMSGQFUL
    0x33: (NEVER, "The SMSC refuses the number of destinations."),  # ESME_RINVNUMDESTS
    0x34: (NEVER, "The SMSC refuses the distribution list."),  # ESME_RINVDLNAME
    0x43: (NEVER, "The SMSC refuses long texts in this form; see the option long."),  # ESME_RINVESMCLASS
    0x45: (AGAIN, "The SMSC could not take the text."),  # ESME_RSUBMITFAIL
    0x48: (ErrorClass.SENDER_CONFIG, "The SMSC refuses the sender's type of number."),  # ESME_RINVSRCTON
    0x49: (ErrorClass.SENDER_CONFIG, "The SMSC refuses the sender's numbering plan."),  # ESME_RINVSRCNPI
    0x50: (NEVER, "The SMSC refuses the number's type of number."),  # ESME_RINVDSTTON
    0x51: (NEVER, "The SMSC refuses the number's numbering plan."),  # ESME_RINVDSTNPI
    0x58: (SLOW, "The SMSC asks us to slow down."),  # ESME_RTHROTTLED
    0x61: (NEVER, "The SMSC refuses the delivery time."),  # ESME_RINVSCHED
    0x62: (NEVER, "The SMSC refuses the validity."),  # ESME_RINVEXPIRY
    0x64: (AGAIN, "The receiving side has a passing error."),  # ESME_RX_T_APPN
    0x65: (NEVER, "The receiving side refuses for good."),  # ESME_RX_P_APPN
    0x66: (NEVER, "The receiving side rejects the text; another road may deliver what was blocked."),  # ESME_RX_R_APPN
    0xC0: (NEVER, "The SMSC refuses the optional parameters."),  # ESME_RINVOPTPARSTREAM
    0xC1: (NEVER, "The SMSC does not allow an optional parameter."),  # ESME_ROPTPARNOTALLWD
    0xC2: (NEVER, "The SMSC refuses a parameter's length."),  # ESME_RINVPARLEN
    0xC3: (NEVER, "The SMSC misses an optional parameter."),  # ESME_RMISSINGOPTPARAM
    0xC4: (NEVER, "The SMSC refuses an optional parameter's value."),  # ESME_RINVOPTPARAMVAL
    0xFE: (AGAIN, "The SMSC could not deliver."),  # ESME_RDELIVERYFAILURE
    0xFF: (AGAIN, "The SMSC has an unknown error."),  # ESME_RUNKNOWNERR
}
FINAL = {ErrorClass.PERMANENT, ErrorClass.CONTENT, ErrorClass.OPT_OUT}


class Smpp(Gateway):
    """One account at an SMSC, held by one bind, or by two where the SMSC wants a pair."""

    kind = "smpp"
    title = "SMPP 3.4"
    docs_url = "https://smpp.org/SMPP_v3_4_Issue1_2.pdf"
    options: ClassVar[Mapping[str, Option]] = smpp_options.OPTIONS
    capabilities = Capabilities(
        number_format="digits",
        validity=True,
        receipts="connection",
        replies=True,
        unverified="The types of number of short codes (3, plan 0) and names (5, plan 0) are usual, not certain.",
    )

    def __init__(self, name: str, settings: Mapping[str, Any], http: Client) -> None:
        super().__init__(name, settings, http)
        self.settings = smpp_options.checked(self.settings)
        self._terms = smpp_options.terms(self.settings)
        self._own = smpp_options.statuses(self.settings["statuses"])
        self._from = smpp_options.ton_npi("source_ton_npi", self.settings["source_ton_npi"])
        self._to = smpp_options.ton_npi("dest_ton_npi", self.settings["dest_ton_npi"]) or (1, 1)
        self._references = smpp_text.References()
        self._inbox: Inbox | None = None
        self._binds: Binds | None = None
        self._gate = threading.Lock()

    def open(self, inbox: Inbox) -> None:
        """Bind and stay bound; receipts and texts from phones go to `inbox`."""
        self._inbox = inbox
        self._connected()

    def close(self) -> None:
        """Say good-bye to the SMSC and end the connection."""
        with self._gate:
            binds, self._binds = self._binds, None
        if binds is not None:
            binds.close()

    def _connected(self) -> Binds:
        with self._gate:
            if self._binds is None:
                self._binds = Binds(self.name, self._terms, self._keep)
            return self._binds

    def submit(self, submission: Submission) -> Result:
        """Hand the text over, part by part, and wait for every answer."""
        found: Future[Callable[[], Result]] = Future()
        self.begin(submission, found.set_result)
        return found.result()()

    def begin(self, submission: Submission, done: Callable[[Callable[[], Result]], None]) -> bool:
        """Hand the text over, part by part; the connection's own thread tells what came of it."""
        bodies = self._bodies(submission)
        if isinstance(bodies, Result):
            done(lambda: bodies)
        else:
            self._connected().begin(bodies, lambda answers: done(lambda: self.decode(answers, len(bodies))))
        return True

    def _bodies(self, submission: Submission) -> list[bytes] | Result:
        """Write the parts of a text, or say why it has no form."""
        if not is_unicode(submission.text + submission.sender):
            return half_a_character()
        try:
            return self.encode(submission)
        except smpp_text.NoForm as error:
            return of_class(ErrorClass.CONTENT, "too_long", str(error))
        except (Malformed, UnicodeEncodeError):
            return of_class(ErrorClass.SENDER_CONFIG, "address", "The sender or the number is no SMPP address.")

    def encode(self, submission: Submission) -> list[bytes]:
        """Write a text as the bodies of its submit_sm. Raises NoForm, Malformed or UnicodeEncodeError."""
        long = self.settings["long"]
        written = smpp_text.write(
            submission.text, submission.encoding,
            alphabet=self.settings["alphabet"], coding=self.settings["coding"], long=long,
        )  # fmt: skip
        if len(written.parts) > self.capabilities.max_segments:
            raise smpp_text.NoForm(f"The text has {len(written.parts)} parts.")
        ton, npi = self._to
        short = Short(
            source=smpp_options.sender(submission.sender or self.settings["from"], self._from),
            to=Address(ton=ton, npi=npi, value=submission.to.removeprefix("+").encode("ascii")),
            data_coding=written.coding,
            validity=smpp_options.validity(submission.validity),
            registered=self.settings["registered_delivery"],
            service_type=self.settings["service_type"].encode("ascii"),
        )
        reference = self._references.next(submission.to) if len(written.parts) > 1 else 0
        return [part.encode() for part in smpp_text.envelopes(short, written.parts, reference, long)]

    def decode(self, answers: Sequence[Pdu | Exception], total: int) -> Result:
        """Make one result of the answers to all parts. Half a text is never sent again by itself."""
        read = [self._read(answer) for answer in answers]
        worst = next((said for said in read if said.outcome is not Outcome.ACCEPTED), None)
        if len(read) == 1 and (total == 1 or worst is not None):  # of several parts the first goes alone
            return read[0]
        parts = tuple(_part(said) for said in read)
        first = next((part.provider_id for part in parts if part.provider_id), "")
        if worst is None:
            return Result(outcome=Outcome.ACCEPTED, provider_id=first, segments=total, parts=parts)
        taken = sum(part.state is State.ACCEPTED for part in parts)
        text = f"{taken} of {total} parts were taken. {worst.text}"
        is_final = worst.outcome is Outcome.REJECTED and worst.error in FINAL
        said = of_class(worst.error, worst.code, text) if is_final else of_class(ErrorClass.UNKNOWN, "partial", text)
        return replace(said, provider_id=first, parts=parts)

    def _read(self, answer: Pdu | Exception) -> Result:
        """Read what became of one part."""
        if isinstance(answer, Refused):
            return of_class(ErrorClass.ROUTE_STOP, "bind_refused", f"The SMSC does not let us in: {answer}.")
        if isinstance(answer, NotSent):
            return of_class(AGAIN, "not_sent", str(answer))
        if isinstance(answer, Exception):
            return of_class(ErrorClass.UNKNOWN, "unclear", str(answer))
        if is_taken(answer):
            return Result(outcome=Outcome.ACCEPTED, provider_id=smpp.message_id(answer.body))
        error, text = self._meaning(answer.status)
        return of_class(error, f"0x{answer.status:02X}", text)

    def _meaning(self, status: int) -> tuple[ErrorClass, str]:
        if status in self._own:
            return self._own[status], "As the settings of this gateway say."
        if status in STATUSES:
            return STATUSES[status]
        if status == smpp.OK:
            return ErrorClass.UNKNOWN, "The SMSC's answer was not understood."
        log.error("smpp status unknown", extra={"gateway": self.name, "status": f"0x{status:08X}"})
        return NEVER, "A status only this SMSC knows; the option statuses can name it. Repeating blindly costs money."

    def _keep(self, pdus: Sequence[Pdu]) -> list[int]:
        """Hand in what came on the connection; return the status each PDU is answered with."""
        try:
            return self._kept(pdus)
        except Exception as error:  # noqa: BLE001 - the inbox may raise anything; what is not kept must be sent again
            if len(pdus) > 1:  # one of them may be the reason
                return [status for pdu in pdus for status in self._keep([pdu])]
            log.warning("not kept", extra={"gateway": self.name, "error": type(error).__name__})
            return [smpp.SYSTEM_ERROR]

    def _kept(self, pdus: Sequence[Pdu]) -> list[int]:
        found = [self._meant(pdu) for pdu in pdus]
        receipts = [one for one in found if isinstance(one, Receipt)]
        replies = [one for one in found if isinstance(one, Reply)]
        if self._inbox is None and (receipts or replies):
            return [smpp.SYSTEM_ERROR] * len(pdus)
        if self._inbox is not None and receipts:
            self._inbox.receipts(self.name, receipts)
        if self._inbox is not None and replies:
            self._inbox.replies(self.name, replies)
        return [smpp.REFUSED_FOR_GOOD if one is None else smpp.OK for one in found]

    def _meant(self, pdu: Pdu) -> Receipt | Reply | None:
        """Read one PDU, None when it has no sense: sent again it would have none either."""
        alphabet = self.settings["alphabet"]
        try:
            short = smpp.read_short(pdu)
            words = smpp_text.decode(short.content, short.data_coding, alphabet)
            if smpp_receipt.is_receipt(short, words):
                return smpp_receipt.receipt(short, words, self.settings["id_format"])
            return smpp_receipt.reply(short, alphabet, self.clock())
        except Malformed as error:
            log.error("smpp pdu unreadable", extra={"gateway": self.name, "why": str(error)})
            return None


def _part(said: Result) -> SentPart:
    states = {Outcome.ACCEPTED: State.ACCEPTED, Outcome.UNKNOWN: State.UNKNOWN}
    return SentPart(provider_id=said.provider_id, state=states.get(said.outcome, State.REJECTED), code=said.code)


GATEWAY = Smpp
