"""A certificate must be able to fail: careless gateways are found out, each by the check that is about its fault."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar

import pytest

from certify import checks, samples
from certify.certificate import Certificate
from certify.check import Finding, Subject, look
from gateways.base import Capabilities, Gateway, HttpGateway, Option
from gateways.smpp import Smpp
from model.event import Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Result, Submission
from wire.http import Call
from wire.http import Reply as HttpReply

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
SAMPLES: Mapping[str, Any] = {
    "provenance": "Made up for this test.",
    "settings": {"key": "a-secret-key"},
    "submit": [
        {"case": "taken", "answer": {"status": "200", "body": '{"id": "1"}'}, "result": {"outcome": "accepted"}},
        {"case": "a no", "answer": {"status": "200", "body": '{"error": "no"}'}, "result": {"outcome": "rejected"}},
    ],
    "receipts": [
        {"case": "delivered", "incoming": {"body": "id=1&status=delivered"}, "receipts": [{"state": "delivered"}]},
    ],
}  # fmt: skip


class Careless(HttpGateway):
    """Everything that can be got wrong by somebody in a hurry."""

    kind = "careless"
    title = "Careless"
    options: ClassVar[Mapping[str, Option]] = {
        "key": Option(text="A key.", secret=True),
        "base_url": Option(text="Address."),
    }
    capabilities = Capabilities(idempotent=True, receipts="signed")

    def encode(self, submission: Submission) -> Call:
        form: dict[str, str] = {
            "to": submission.to,
            "text": submission.text.encode("ascii", "ignore").decode(),
            "try": str(submission.attempt),
        }
        return Call(method="POST", url=f"{self.settings['base_url']}/", form=form)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        if reply.status < 400:
            return Result(outcome=Outcome.ACCEPTED, provider_id="1")
        return Result(outcome=Outcome.RETRY, error=ErrorClass.RETRY, text=self.settings["key"][:-1] + "y")

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        return [Receipt(state=State.DELIVERED, provider_id="1", raw_status=incoming.body.decode()[12:])]


def verdicts(kind: type[Gateway], found: Mapping[str, Any]) -> dict[str, str]:
    subject = Subject(kind=kind, now=NOW, settings=found["settings"], samples=found)
    return {one.check.name: one.verdict for one in checks.run(subject)}


def test_a_careless_gateway_is_found_out_check_by_check() -> None:
    found = verdicts(Careless, SAMPLES)

    failed = {name for name, verdict in found.items() if verdict == "failed"}
    assert failed >= {
        "no-in-a-yes", "error-page", "retry-after", "nonsense", "redirect", "letters", "long-texts", "same-bytes",
        "strange-status", "forged",
    }  # fmt: skip
    assert {found[name] for name in ("success", "doubled", "refused-connection")} == {"passed"}
    assert {found[name] for name in ("smsc-texts", "replies", "balance")} == {"not applicable"}


def test_what_a_gateway_raises_fails_the_check_and_ends_nothing() -> None:
    class Raising(Careless):
        def encode(self, submission: Submission) -> Call:
            raise ZeroDivisionError("oops")

    found = verdicts(Raising, SAMPLES)

    assert found["success"] == found["letters"] == "failed"
    assert len(found) == len(checks.ALL)


def test_an_smpp_gateway_that_repeats_a_lost_submit_is_found_out() -> None:
    class Stubborn(Smpp):
        def submit(self, submission: Submission) -> Result:
            first = super().submit(submission)
            return super().submit(submission) if first.outcome is Outcome.UNKNOWN else first

    subject = Subject.of(Smpp, NOW)
    subject = replace(subject, kind=Stubborn)
    by_name = {check.name: check for check in checks.ALL}

    assert look(by_name["smsc-silence"], subject).verdict == "failed"
    assert look(by_name["smsc-receipts"], subject).verdict == "passed"


def test_a_python_gateway_without_samples_cannot_be_certified() -> None:
    with pytest.raises(ValueError, match=r"careless.samples.yaml is missing"):
        samples.of(Careless)


def certificate(*verdicts: str) -> Certificate:
    check = checks.ALL[0]
    found = [Finding(check=check, verdict=one, why="a | b\nc") for one in verdicts]  # type: ignore[arg-type]
    return Certificate(
        name="main", kind="careless", title="Careless", version="1.2.3", at=NOW, settings="those of the account",
        provenance="Made up.", unverified="", findings=found,
    )  # fmt: skip


def test_a_certificate_says_what_was_checked_by_which_version_and_when() -> None:
    made = certificate("passed", "not applicable")

    said = json.loads(made.json())
    assert (said["kind"], said["tidings"], said["at"], said["holds"]) == (
        "careless", "1.2.3", "2026-11-23T10:00:00+00:00", True,
    )  # fmt: skip
    assert said["sums"] == "1 passed, 0 failed, 1 not applicable"
    assert "| passed | a \\| b c |" in made.markdown()
    assert "It holds" in made.markdown()


def test_one_failure_is_enough_for_a_certificate_not_to_hold() -> None:
    made = certificate("passed", "failed")

    assert not made.holds
    assert "It does not hold" in made.markdown()
    assert "**failed**" in made.markdown()
