"""Everything that can be wrong with a request, as RFC 9457 wants it told: one row each, for answers and for docs."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

KIND = "application/problem+json"
PLACE = "/api/v1/problems/"


class Trouble(Enum):
    """What is wrong: code, HTTP status, title, and what to do about it."""

    NOT_JSON = ("not-json", 400, "The body is not JSON", "Send one JSON object in UTF-8, without a name twice.")
    BAD_CURSOR = (
        "bad-cursor", 400, "This page address is not ours",
        "Use `next` of the page before as it is, with the same filters; begin again without a cursor.",
    )  # fmt: skip
    BAD_NAME = (
        "bad-idempotency-key", 400, "The Idempotency-Key cannot be used",
        "Send 1 to 255 visible ASCII characters, such as a UUID.",
    )  # fmt: skip
    NO_KEY = (
        "unauthorized", 401, "There is no good API key",
        "Send `Authorization: Bearer KEY` with a key that is neither revoked nor expired.",
    )  # fmt: skip
    NOT_ALLOWED = (
        "forbidden", 403, "The key may not do this", "Make a key with the scope that the answer names.",
    )  # fmt: skip
    WRONG_KIND = (
        "wrong-kind-of-key", 403, "This kind of key cannot do this",
        "What cannot be simulated needs a live key; what cannot be kept to the allow list, too.",
    )  # fmt: skip
    NOT_LISTED = (
        "not-on-the-allow-list", 403, "A team key reaches the allow list only",
        "Add the number to `allow` in the settings, or use a live key.",
    )  # fmt: skip
    NOT_FOUND = (
        "not-found", 404, "There is nothing here",
        "The address is wrong, or what it names is older than what is kept.",
    )  # fmt: skip
    BAD_METHOD = (
        "method-not-allowed", 405, "This address is not for that", "Use one of the methods in the header Allow.",
    )  # fmt: skip
    RUNNING = (
        "request-running", 409, "The same request is at work",
        "Wait and send it again with the same Idempotency-Key: then it is answered.",
    )  # fmt: skip
    TOO_LATE = (
        "too-late", 409, "It is past that", "Look at its state: what has left, or ended, cannot be changed.",
    )  # fmt: skip
    NO_CODES = (
        "codes-not-set-up", 409, "Codes are not set up here", "Write a pepper and a home under [verifications].",
    )  # fmt: skip
    CANNOT_RUN = (
        "campaign-cannot", 409, "That does not go with this campaign",
        "The answer says why; look at the campaign again.",
    )  # fmt: skip
    CHANGED = (
        "changed-meanwhile", 409, "Somebody else changed it meanwhile", "Read it again, and send the `version` of now.",
    )  # fmt: skip
    SAME_FILE = (
        "same-file", 409, "A list was made from this file before", "Use that list, or upload with `again=true`.",
    )  # fmt: skip
    STALE = (
        "stale-base", 409, "Another version came in force meanwhile",
        "Read the rules again, make your change to them, and publish that.",
    )  # fmt: skip
    TOO_LARGE = ("too-large", 413, "The body is too large", "Send less at once.")
    NOT_JSON_KIND = (
        "unsupported-media-type", 415, "The body is not declared as JSON", "Send `Content-Type: application/json`.",
    )  # fmt: skip
    INVALID = (
        "invalid", 422, "The request does not fit", "`errors` names each field and what is wrong with it.",
    )  # fmt: skip
    REUSED = (
        "idempotency-key-reused", 422, "The Idempotency-Key belongs to another request",
        "Take a new key for each request; use one again only to send the very same request again.",
    )  # fmt: skip
    NOT_SENT = (
        "not-sent", 422, "No text was made",
        "`reason` is one of the reason codes. The decision is on record: `event_id` leads to it.",
    )  # fmt: skip
    NO_LIST = (
        "no-list", 422, "The file cannot be read as a list", "The answer says what is missing; nothing is kept of it.",
    )  # fmt: skip
    RULES_REFUSED = (
        "rules-refused", 422, "These rules cannot be put in force", "`errors` says what is missing or wrong.",
    )  # fmt: skip
    TOO_MANY = (
        "too-many-requests", 429, "Too many requests", "Wait as many seconds as Retry-After says.",
    )  # fmt: skip
    BROKEN = (
        "broken", 500, "Something broke on our side",
        "It is in our log. Send the request again with the same Idempotency-Key: nothing is done twice.",
    )  # fmt: skip
    STORE_DOWN = (
        "store-down", 503, "The store does not answer", "Nothing was done. Try again as Retry-After says.",
    )  # fmt: skip

    def __init__(self, code: str, status: int, title: str, advice: str) -> None:
        self.code, self.status, self.title, self.advice = code, status, title, advice


TROUBLES = {trouble.code: trouble for trouble in Trouble}


class Problem(Exception):  # noqa: N818 - names what is told
    """A request that is answered with what is wrong with it; `more` are further members of the answer."""

    def __init__(
        self, trouble: Trouble, detail: str = "", headers: Mapping[str, str] | None = None, **more: Any
    ) -> None:
        super().__init__(detail or trouble.title)
        self.trouble, self.detail, self.headers, self.more = trouble, detail, headers or {}, more

    def as_dict(self, address: str) -> dict[str, Any]:
        """Return the answer's body; `address` is where the page of this type stands."""
        return {
            "type": f"{address}{PLACE}{self.trouble.code}",
            "title": self.trouble.title,
            "status": self.trouble.status,
            "detail": self.detail or self.trouble.advice,
            **self.more,
        }
