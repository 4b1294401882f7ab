"""What other systems can be told, as data: the types of our own webhooks."""

from __future__ import annotations

TELLINGS: dict[str, str] = {
    "message.queued": "A rule made a text; it waits for its time.",
    "message.accepted": "A gateway took the text.",
    "message.sent": "The carrier took the text; some carriers never say more.",
    "message.delivered": "The phone has the text.",
    "message.failed": "The text did not arrive, or every gateway refused it; reason says why.",
    "message.expired": "The text was not handed over, or not delivered, within its time to live.",
    "message.cancelled": "The text was dropped before it left; reason says why.",
    "message.unknown": "Nobody knows whether the text was taken or arrived; a later word may settle it.",
    "reply.received": "A text came back from a phone.",
    "consent.changed": "Somebody opted out, or in again.",
    "event.skipped": "A rule decided against a text; reason says why.",
    "event.failed": "An event could not be read or planned and needs a person.",
}
"""Every type a webhook can listen to, with a sentence; docs/webhooks.md is made from it."""

FIELDS: dict[str, str] = {
    "sequence": "Grows with each change. Of two bodies about one message the higher one is the later.",
    "message_id": "The message in Tidings.",
    "event_id": "The event in Tidings that led to it.",
    "source": "The source that told of the event.",
    "event_type": "What happened there.",
    "key": "The record in the source: the order, invoice or appointment. For consent.changed that of the last text.",
    "rule": "The rule that made the text, or decided against one.",
    "step": "The step of a rule with several texts.",
    "campaign": "The campaign of the rule.",
    "category": "The category of the text or of the wish; empty means transactional, or everything.",
    "state": "The state of the message.",
    "reason": "Why it failed, ended or was not sent.",
    "gateway": "The gateway that carried the text or brought the reply.",
    "provider_id": "The provider's own id of the text.",
    "segments": "How many parts are billed.",
    "attempts": "How often it was handed to a gateway.",
    "cost": "What the provider says it cost, as text, where it does.",
    "currency": "The currency of the cost.",
    "created_at": "When the text was made.",
    "due_at": "When it was to leave.",
    "submitted_at": "When it was handed over last.",
    "accepted_at": "When a gateway took it first.",
    "receipt_at": "The time in the newest receipt.",
    "final_at": "When its life ended.",
    "reply_id": "The reply in Tidings.",
    "intent": "What the reply means: confirm, cancel, stop, other and so on.",
    "needs": "Why a person has to look at the reply; empty when nobody has to.",
    "our_number": "The number the reply was sent to.",
    "status": "The wish: in or out.",
    "by": "Where the wish was said.",
    "last_message_id": "The newest message to the phone whose owner changed a wish.",
    "recipient": "The phone, masked unless the webhook has numbers = true.",
    "text": "The words of the text or reply, if the webhook has texts = true and the rule redacts nothing.",
    "webhook": "The name of the webhook, in a webhook.test.",
}
"""Every field of `data`; which are there depends on the type."""

TEST = "webhook.test"
"""What `tidings webhooks test` sends."""
