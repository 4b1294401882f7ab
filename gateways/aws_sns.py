"""AWS SNS Publish to a phone number, for accounts that already use it; new ones take the gateway `aws`.

Sources: botocore service-2.json of sns of 2026-08-07; read 2026-11. SNS writes receipts to CloudWatch Logs only and
takes no reference of ours: a text stays "accepted" here, and an unclear submit stays unclear.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from gateways.base import FROM, Capabilities, HttpGateway, Option, not_understood, of_class, throttled
from model.sending import ErrorClass, Outcome, Result, Submission
from wire import e164, reading, sigv4
from wire.http import Call
from wire.http import Reply as HttpReply

SLOW_WORDS = {"Throttled", "Throttling", "ThrottlingException"}

STOP, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.PERMANENT

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "InvalidParameter": (NEVER, "A parameter is not valid, often the number."),
    "ParameterValueInvalid": (NEVER, "A parameter is not valid, often the number."),
    "ValidationException": (NEVER, "A parameter is not valid, often the number."),
    "OptedOut": (ErrorClass.OPT_OUT, "The person replied STOP."),
    "AuthorizationError": (STOP, "The key may not do this."),
    "InvalidSecurity": (STOP, "The signature is not valid."),
    "NotFound": (STOP, "Something the request names does not exist."),
    "InvalidClientTokenId": (STOP, "The access key is not known."),  # this and the codes below are from memory
    "SignatureDoesNotMatch": (STOP, "The secret key is wrong, or our clock is."),
    "ExpiredToken": (STOP, "The session token has expired."),
    "AccessDenied": (STOP, "The key may not do this."),
    "OptInRequired": (STOP, "The account is not signed up for SNS."),
}
"""SNS's error codes. The names are AWS's, what they mean for us is our judgement."""


class AwsSns(HttpGateway):
    """One AWS account in one region."""

    kind = "aws_sns"
    title = "AWS SNS"
    docs_url = "https://docs.aws.amazon.com/sns/latest/api/API_Publish.html"
    options: ClassVar[Mapping[str, Option]] = {
        "access_key_id": Option(text="Access key ID.", required=True),
        "secret_access_key": Option(text="Secret access key.", required=True, secret=True),
        "session_token": Option(text="Session token of temporary credentials.", default="", secret=True),
        "region": Option(text="Region (eu-central-1).", required=True),
        "from": FROM,
        "sms_type": Option(text="Transactional or Promotional.", default="Transactional"),
        "base_url": Option(text="Address of the API; empty for the region's own.", default=""),
    }
    capabilities = Capabilities(
        receipts="none", unverified="The codes for wrong keys are from memory; receipts exist in CloudWatch only."
    )

    def encode(self, submission: Submission) -> Call:
        """Write Publish."""
        sender = submission.sender or self.setting("from")
        is_number = e164.DIGITS.fullmatch(sender) is not None
        attributes = {
            "AWS.SNS.SMS.SMSType": self.setting("sms_type"),
            "AWS.SNS.SMS.SenderID": "" if is_number else sender,
            "AWS.MM.SMS.OriginationNumber": e164.plus(sender) if is_number else "",
        }
        fields = {
            "Action": "Publish",
            "Version": "2010-03-31",
            "PhoneNumber": submission.to,
            "Message": submission.text,
        }
        stated = [(name, value) for name, value in attributes.items() if value]
        for place, (name, value) in enumerate(stated, 1):
            entry = f"MessageAttributes.entry.{place}"
            fields |= {f"{entry}.Name": name, f"{entry}.Value.DataType": "String", f"{entry}.Value.StringValue": value}
        url = self.setting("base_url") or f"https://sns.{self.setting('region')}.amazonaws.com"
        return sigv4.post_form(f"{url.rstrip('/')}/", fields, self._identity, self.clock())

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 200 with a PublishResponse as a yes, and an ErrorResponse under 4xx as a no."""
        root, words = _xml(reply.body)
        provider_id, code = words.get("MessageId", ""), words.get("Code", "")
        if reply.status == 200 and root == "PublishResponse" and provider_id:
            return Result(outcome=Outcome.ACCEPTED, provider_id=provider_id)
        if reply.status == 429 or (reply.status in (400, 403) and code in SLOW_WORDS):
            return throttled(reply, code)
        if reply.status not in (400, 401, 403, 404):
            return not_understood(reply)
        if code in CODES:
            return of_class(CODES[code][0], code, CODES[code][1])
        if reply.status in (401, 403, 404):
            return of_class(STOP, code or f"http_{reply.status}", "AWS refuses the key or what it may do.")
        return of_class(NEVER, code, words.get("Message", "")) if code else not_understood(reply)

    @property
    def _identity(self) -> sigv4.Identity:
        return sigv4.Identity(
            access_key=self.setting("access_key_id"),
            secret_key=self.setting("secret_access_key"),
            session_token=self.setting("session_token"),
            region=self.setting("region"),
            service="sns",
        )


def _xml(body: bytes) -> tuple[str, dict[str, str]]:
    """Return the name of the outermost element, and every element's text by name; the namespace says nothing to us."""
    try:
        root = fromstring(body)
    except (ParseError, DefusedXmlException, ValueError, LookupError, RecursionError):
        return "", {}
    words: dict[str, str] = {}
    for element in root.iter():
        words.setdefault(_local(element.tag), reading.text(element.text))
    return _local(root.tag), words


def _local(tag: object) -> str:
    return str(tag).rpartition("}")[2]


GATEWAY = AwsSns
