"""AWS End User Messaging SMS (pinpoint-sms-voice-v2): SendTextMessage, signed with Signature Version 4.

Sources: botocore service-2.json of pinpoint-sms-voice-v2 of 2026-08-07, AWS's pages "Event types" and "Two-way SMS
message payload"; read 2026-11. Events and texts from phones come through an SNS topic that is subscribed to the
addresses of this gateway; a subscription is confirmed by asking SNS itself, never by following an address in a body.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, ClassVar

from gateways.base import Capabilities, HttpGateway, Option, not_understood, of_class, throttled
from model.event import Incoming
from model.message import State
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import reading, sigv4
from wire.http import Call, Forbidden, NotSent, Unclear
from wire.http import Reply as HttpReply

MIN_TTL, MAX_TTL = 5, 259_200
OUR_ID = "tidings"
TARGET = "PinpointSMSVoiceV2.SendTextMessage"

STOP, SLOW, LATER, NEVER = ErrorClass.ROUTE_STOP, ErrorClass.THROTTLE, ErrorClass.RETRY, ErrorClass.PERMANENT
SENDER, COUNTRY = ErrorClass.SENDER_CONFIG, ErrorClass.COUNTRY_CONFIG
CONTENT, NONE = ErrorClass.CONTENT, ErrorClass.NONE

CODES: Mapping[str, tuple[ErrorClass, str]] = {
    "DESTINATION_PHONE_NUMBER_OPTED_OUT": (ErrorClass.OPT_OUT, "The person replied STOP."),
    "DESTINATION_PHONE_NUMBER_NOT_VERIFIED": (NEVER, "An account in the sandbox may text verified numbers only."),
    "DESTINATION_PHONE_NUMBER_BLOCKED_BY_PROTECT_NUMBER_OVERRIDE": (NEVER, "The account blocks this number."),
    "DESTINATION_COUNTRY_BLOCKED_BY_PROTECT_CONFIGURATION": (COUNTRY, "The account blocks this country."),
    "DESTINATION_COUNTRY_BLOCKED": (COUNTRY, "The account blocks this country."),
    "COUNTRY_NOT_ENABLED": (COUNTRY, "The account may not text this country."),
    "INTERNATIONAL_SENDING_NOT_SUPPORTED": (COUNTRY, "The sender may not text other countries."),
    "NO_ORIGINATION_IDENTITIES_FOUND": (SENDER, "The account has no sender for this number."),
    "INVALID_IDENTITY_FOR_DESTINATION_COUNTRY": (SENDER, "The sender is not allowed in this country."),
    "SENDER_ID_NOT_REGISTERED": (SENDER, "The sender is not registered."),
    "SENDER_ID_NOT_SUPPORTED": (SENDER, "The country allows no names as senders."),
    "SENDER_ID_REQUIRES_REGISTRATION": (SENDER, "The sender must be registered."),
    "NUMBER_CAPABILITIES_MISMATCH": (SENDER, "The sender cannot send texts."),
    "MESSAGE_TYPE_MISMATCH": (SENDER, "The sender is for another kind of texts."),
    "RESOURCE_NOT_ACTIVE": (SENDER, "The sender is not active."),
    "MAXIMUM_SIZE_EXCEEDED": (CONTENT, "The text is too long."),
    "PRICE_OVER_THRESHOLD": (NEVER, "The text costs more than the account allows."),
    "ThrottlingException": (SLOW, "Too many requests."),
    "AccessDeniedException": (STOP, "The account or the key may not do this."),
    "ServiceQuotaExceededException": (STOP, "A limit of the account is reached, often the monthly spend."),
    "ResourceNotFoundException": (SENDER, "The sender or configuration set does not exist."),
    "ConflictException": (NEVER, "The account's settings forbid this text."),
    "ValidationException": (NEVER, "A parameter is not valid, often the number."),
    "UnrecognizedClientException": (STOP, "The access key is not known."),  # this and the codes below are from memory
    "InvalidSignatureException": (STOP, "The secret key is wrong, or our clock is."),
    "ExpiredTokenException": (STOP, "The session token has expired."),
    "MissingAuthenticationTokenException": (STOP, "The request was not signed."),
}
"""Reasons first, exceptions after them. The names are AWS's, what they mean for us is our judgement."""

EVENTS: Mapping[str, tuple[State, ErrorClass, str]] = {
    "TEXT_QUEUED": (State.ACCEPTED, NONE, "Waits at AWS."),
    "TEXT_PENDING": (State.ACCEPTED, NONE, "Waits at AWS."),
    "TEXT_SENT": (State.SENT, NONE, "Left AWS."),
    "TEXT_SUCCESSFUL": (State.SENT, NONE, "Taken by the carrier; the last word where the carrier sends no receipts."),
    "TEXT_DELIVERED": (State.DELIVERED, NONE, "On the phone."),
    "TEXT_UNREACHABLE": (State.UNDELIVERED, LATER, "The phone cannot be reached at the moment."),
    "TEXT_CARRIER_UNREACHABLE": (State.UNDELIVERED, LATER, "The carrier cannot be reached."),
    "TEXT_TTL_EXPIRED": (State.EXPIRED, NEVER, "The text expired before it could be delivered."),
    "TEXT_BLOCKED": (State.REJECTED, NEVER, "The phone is blocked, by the carrier or by AWS."),
    "TEXT_CARRIER_BLOCKED": (State.REJECTED, NEVER, "The carrier blocks the text."),
    "TEXT_SPAM": (State.REJECTED, CONTENT, "The carrier takes the text for spam."),
    "TEXT_INVALID": (State.REJECTED, NEVER, "The number is not valid."),
    "TEXT_INVALID_MESSAGE": (State.REJECTED, CONTENT, "The text is not valid."),
    "TEXT_PROTECT_BLOCKED": (State.REJECTED, COUNTRY, "The account blocks this country."),
    "TEXT_UNKNOWN": (State.UNCONFIRMED, NONE, "Nobody said what became of it."),
}


class Aws(HttpGateway):
    """One AWS account in one region."""

    kind = "aws"
    title = "AWS End User Messaging"
    docs_url = "https://docs.aws.amazon.com/pinpoint/latest/apireference_smsvoicev2/API_SendTextMessage.html"
    options: ClassVar[Mapping[str, Option]] = {
        "access_key_id": Option(text="Access key ID.", required=True),
        "secret_access_key": Option(text="Secret access key.", required=True, secret=True),
        "session_token": Option(text="Session token of temporary credentials.", default="", secret=True),
        "region": Option(text="Region (eu-central-1).", required=True),
        "from": Option(text="Number, name, pool or ARN texts come from, where a rule states none.", default=""),
        "configuration_set": Option(text="Configuration set; events come only where one is named.", default=""),
        "message_type": Option(text="TRANSACTIONAL or PROMOTIONAL.", default="TRANSACTIONAL"),
        "topic_arn": Option(text="SNS topic whose subscription is confirmed by itself; empty: by hand.", default=""),
        "currency": Option(text="Currency of the prices in events; they do not state it.", default=""),
        "dry_run": Option(text="Let AWS check each request and send nothing.", default=False),
        "base_url": Option(text="Address of the API; empty for the region's own.", default=""),
        "sns_base_url": Option(text="Address of SNS; empty for the region's own.", default=""),
    }
    capabilities = Capabilities(
        validity=True,
        client_reference=True,
        replies=True,
        test_mode=True,
        unverified="The signature of SNS on callbacks is not checked: the secret in the address is the proof.",
    )

    def encode(self, submission: Submission) -> Call:
        """Write SendTextMessage; our id travels as Context and comes back in every event."""
        fields = {
            "DestinationPhoneNumber": submission.to,
            "OriginationIdentity": submission.sender or self.setting("from"),
            "MessageBody": submission.text,
            "MessageType": self.setting("message_type"),
            "ConfigurationSetName": self.setting("configuration_set"),
            "TimeToLive": min(max(int(submission.validity.total_seconds()), MIN_TTL), MAX_TTL),
            "Context": {OUR_ID: submission.message_id},
            "DryRun": reading.flag(self.settings["dry_run"]),
        }
        kept = {name: value for name, value in fields.items() if value or name == "MessageBody"}
        body = json.dumps(kept, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": TARGET}
        url = self.setting("base_url") or f"https://sms-voice.{self.setting('region')}.amazonaws.com"
        return sigv4.post(f"{url.rstrip('/')}/", headers, body, self._identity("sms-voice"), self.clock())

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Read 200 with a MessageId as a yes, and an exception with its reason under 4xx as a no."""
        body = reply.json()
        provider_id = reading.text(body, "MessageId")
        if reply.status == 200 and provider_id:
            return Result(outcome=Outcome.ACCEPTED, provider_id=provider_id)
        kind = (reading.text(body, "__type") or reply.headers.get("x-amzn-errortype", "")).rpartition("#")[2]
        kind, reason = kind.partition(":")[0], reading.text(body, "Reason")
        code = reason if reason in CODES else kind
        if reply.status == 429 or kind == "ThrottlingException":
            return throttled(reply, kind)
        if reply.status not in (400, 401, 403, 404):
            return not_understood(reply)
        if code in CODES:
            return of_class(CODES[code][0], reason or kind, CODES[code][1])
        if reply.status in (401, 403, 404):
            return of_class(STOP, kind or f"http_{reply.status}", "AWS refuses the key or what it may do.")
        return of_class(NEVER, kind, reading.first_text(body, "Message", "message")) if kind else not_understood(reply)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read an event about a text; confirm the subscription when SNS asks for it."""
        event = self._unwrapped(incoming)
        if not event or "inboundMessageId" in event:
            return []
        kind = reading.required(event, "eventType")
        state, error, _ = EVENTS.get(kind, (State.UNCONFIRMED, NONE, ""))
        price = reading.amount(reading.dig(event, "totalMessagePrice"))
        return [
            Receipt(
                state=state,
                provider_id=reading.required(event, "messageId"),
                message_id=reading.text(event, f"context.{OUR_ID}"),
                raw_status=kind,
                error_code=kind if error is not NONE else "",
                error=error,
                at=reading.moment(reading.dig(event, "eventTimestamp"), milliseconds=True),
                cost=price or "",
                currency=self.setting("currency") if price else "",
            )
        ]

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read a text from a phone; events hold none."""
        event = self._unwrapped(incoming)
        if not event or "eventType" in event:
            return []
        return [
            Reply(
                id=reading.required(event, "inboundMessageId"),
                number=reading.required(event, "originationNumber"),
                to=reading.text(event, "destinationNumber"),
                text=reading.text(event, "messageBody"),
            )
        ]

    def _unwrapped(self, incoming: Incoming) -> dict[str, Any]:
        """Return what SNS carries, raw or in its envelope; {} when SNS speaks of the subscription itself."""
        body = reading.json_object(incoming.body)
        kind = body.get("Type")
        if kind == "SubscriptionConfirmation":
            self._confirm(body)
            return {}
        if kind == "UnsubscribeConfirmation":
            return {}
        message = body.get("Message")
        return reading.json_object(message.encode()) if kind == "Notification" and isinstance(message, str) else body

    def _confirm(self, body: Mapping[str, Any]) -> None:
        """Ask SNS to confirm, if it is our topic. SNS repeats its wish when this fails."""
        topic, token = self.setting("topic_arn"), reading.text(body, "Token")
        if not topic or not token or reading.text(body, "TopicArn") != topic:
            return
        fields = {"Action": "ConfirmSubscription", "Version": "2010-03-31", "TopicArn": topic, "Token": token}
        url = self.setting("sns_base_url") or f"https://sns.{self.setting('region')}.amazonaws.com"
        with suppress(NotSent, Unclear, Forbidden):
            self.http.send(sigv4.post_form(f"{url.rstrip('/')}/", fields, self._identity("sns"), self.clock()))

    def _identity(self, service: str) -> sigv4.Identity:
        return sigv4.Identity(
            access_key=self.setting("access_key_id"),
            secret_key=self.setting("secret_access_key"),
            session_token=self.setting("session_token"),
            region=self.setting("region"),
            service=service,
        )


GATEWAY = Aws
