"""Every field of rules.yaml, declared once: name, kind, default, sentence, example.

The reader, the checker, the JSON Schema for editors and docs/rules.md all come from these tables.

Long because each field of the language is a row with its sentence and its example.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """One field a person may write. `parts` are the fields of a map, or of each map in a list."""

    name: str
    kind: str
    text: str
    default: Any = None
    example: str = ""
    choices: tuple[str, ...] = ()
    required: bool = False
    parts: tuple[Field, ...] = ()


KINDS = {
    "text": "text",
    "path": "a field of the event, such as customer.phone",
    "paths": "a field or a list of fields",
    "names": "a name or a list of names",
    "duration": "a duration: 90s, 15m, 24h, 3d, 2w, -1h30m",
    "time": "a time of day, such as 21:00",
    "number": "a whole number",
    "bool": "true or false",
    "choice": "one of a few words",
    "template": "a text with {{ fields }}",
    "texts": "a text, or one per locale, or {template: NAME}",
    "events": "an event type, a list of them, or source:type",
    "conditions": "a list of conditions",
    "people": "a file, list:NAME, or source and query",
    "map": "a group of fields",
    "list": "a list",
    "gateways": "a gateway, a list of them in order, or {try: [...], next_after: 15s}",
    "quiet": "{from, to, tz, then}, or ignore",
    "moment": "a date and time with its zone",
    "rate": "so many in a second, minute or hour: 20/s, 600/m",
    "begin": "now, a date and time with its zone, or one by each recipient's clock: 2026-11-27 10:00 recipient",
    "money": "an amount and its currency: 250 EUR",
    "share": "a share of a hundred: 30%",
    "shares": "a map from names to whole numbers: {a: 50, b: 50}",
    "sources": "a map from the name of a source to what is particular about it",
    "names of fields": "a map from the name rules use to the field of the source that holds it",
    "spoken": "a text, or one per locale",
    "changes": "a map from fields of the source to texts; note is a note for its people",
    "any": "anything",
}

QUIET = (
    Field("from", "time", "When the quiet begins.", required=True, example='"21:00"'),
    Field("to", "time", "When it ends.", required=True, example='"08:00"'),
    Field("tz", "text", "Whose clock: recipient, or a zone such as Europe/Berlin.", "recipient"),
    Field(
        "then", "choice", "What happens to a text that falls into it.", "defer", choices=("defer", "earlier", "drop")
    ),
)
THROTTLE = (
    Field("max", "number", "How many texts.", required=True, example="5"),
    Field("per", "duration", "In how much time.", required=True, example="24h"),
    Field("key", "choice", "Counted for whom.", "recipient", choices=("recipient", "rule", "record")),
    Field("then", "choice", "What happens past it.", "drop", choices=("drop",)),
)
BATCH = (
    Field("key", "template", "Events with the same value join in one text.", required=True, example='"{{ phone }}"'),
    Field("wait", "duration", "How long after the first event the text waits for more.", required=True, example="10m"),
    Field("max", "number", "With this many events it leaves at once.", 20),
)
DEDUPE = (
    Field("key", "template", "Two events with the same value send one text.", required=True, example='"{{ id }}"'),
    Field("for", "duration", "How long that is remembered.", "30d"),
)
SCHEDULE = (
    Field("at", "path", "The date or date-time field that counts.", required=True, example="starts_at"),
    Field("offset", "duration", "How long before (-) or after it; whole days keep the hour.", "0s", example="-24h"),
    Field("time", "time", "At this time of that day, in the recipient's zone.", example='"10:00"'),
    Field(
        "if_past", "choice", "What happens when that time has passed already.", choices=("send_now", "skip", "nearest")
    ),
    Field("not_after", "duration", "Latest moment, relative to the field.", example="-2h"),
)
RULE_SCHEDULE = tuple(replace(field, required=True) if field.name == "if_past" else field for field in SCHEDULE)
"""A rule with one text must say what happens when it is late; in a sequence an earlier step has said enough."""

ASKED = (
    Field("source", "text", "The connected system that is asked.", required=True, example="crm"),
    Field("query", "text", "What it is asked, in its own words: SOQL, OData, SQL, an Odoo domain.", required=True),
)
AUDIENCE = (
    Field("from", "people", "The people: a CSV or XLSX file below the folder of this file, a list that is there"
          " already (list:NAME), or a source and a query.", required=True, example="lists/newsletter.csv", parts=ASKED),
    Field("when", "conditions", "Every line must hold for a person of the list.", ()),
)  # fmt: skip
CAMPAIGN_CAPS = (
    Field("day", "number", "Texts on one day.", example="5000"),
    Field(
        "country", "shares", "Texts on one day to a country; `*` is every other one.", example="{DE: 3000, '*': 500}"
    ),
    Field("money", "money", "What the texts of one day may cost, by the price table.", example="50 EUR"),
)
STOP_ON = (
    Field("failed", "share", "More than this share of its texts that ended failed.", "30%"),
    Field("after", "number", "Once so many have ended.", 50),
    Field("spent", "money", "The next text would cost more than this in all, by the price table.", example="250 EUR"),
)
CAMPAIGN = (
    Field("audience", "map", "Who is meant.", required=True, parts=AUDIENCE),
    Field("start", "begin", "When its first text may leave.", required=True, example="2026-11-27T10:00:00+01:00"),
    Field("stop", "moment", "After this none leaves; what is left expires.", example="2026-11-27T19:00:00+01:00"),
    Field("rate", "rate", "How fast its texts leave at most.", example="20/s"),
    Field("approve", "number", "How many people besides its maker must approve it.", 1, example="2"),
    Field("variants", "shares", "Texts that share the list, each with its share; `text` then has one for each.",
          example="{a: 50, b: 50}"),
    Field("caps", "map", "How much of it leaves on one day, in UTC; the rest waits for the next.", parts=CAMPAIGN_CAPS),
    Field("stop_on", "map", "What stops it before its end.", parts=STOP_ON),
)  # fmt: skip
SOURCE = (
    Field("tz", "text", "The zone of times this source writes without one.", example="Europe/Berlin"),
    Field(
        "fields",
        "names of fields",
        "Names for fields of this source, for all that rules say of its events.",
        example="{customer.phone: raw.billing.phone}",
    ),
)
GATEWAYS = (
    Field("try", "names", "Gateways in order.", required=True, example="[otp_direct, main]"),
    Field("next_after", "duration", "Try the next one when no receipt came by then.", example="15s"),
)
STEP = (
    Field("id", "text", "The step's name.", required=True, example="soon"),
    Field("schedule", "map", "When it leaves; at once when left out.", parts=SCHEDULE),
    Field("text", "texts", "What it says.", required=True),
)
RECHECK = (
    Field("still", "conditions", "Conditions asked again of the source just before sending.", required=True),
    Field(
        "if_unreachable",
        "choice",
        "What happens when the source does not answer.",
        "hold",
        choices=("hold", "send", "skip"),
    ),
)
_ANSWERS = {
    "confirm": "It is right as it is.",
    "cancel": "It shall not take place.",
    "reschedule": "It shall be at another time.",
    "call": "Somebody shall call.",
}
BY_INTENT = {
    "write_back": tuple(
        Field(intent, "changes", said, example="{status: confirmed}") for intent, said in _ANSWERS.items()
    ),
    "answer": tuple(Field(intent, "spoken", said, example="{en: Thank you.}") for intent, said in _ANSWERS.items()),
}
REPLIES = (
    Field("confirm", "names", "Answers that say it is right as it is.", example='["yes", "ok", "ja"]'),
    Field("cancel", "names", "Answers that say it shall not take place.", example='["no", "c"]'),
    Field("reschedule", "names", "Answers that ask for another time.", example='["m", "move"]'),
    Field("call", "names", "Answers that ask to be called.", example='["call me"]'),
    Field("write_back", "map", "What each answer writes to the record at the source.", parts=BY_INTENT["write_back"]),
    Field("answer", "map", "What each answer is answered with.", parts=BY_INTENT["answer"]),
)
EXPECT = (
    Field("send", "number", "How many texts.", example="1"),
    Field("to", "text", "The first text's number."),
    Field("text", "text", "The first text."),
    Field("segments", "number", "The first text's segments."),
    Field("at", "moment", "When the first text leaves."),
    Field("locale", "text", "The first text's locale."),
    Field("because", "text", "The reason code when nothing is sent."),
    Field("pending", "list", "When each text that now waits will leave, in order."),
    Field("intent", "text", "What the reply of this moment means; needs says why a person has to see it."),
    Field("needs", "text", "Why a person has to see the reply of this moment."),
)
SENT = (
    Field("to", "text", "The number.", required=True, example='"+447700900123"'),
    Field("at", "moment", "When.", required=True, example="2026-11-23T02:51:00+00:00"),
)
GIVEN = (
    Field("opted_out", "names", "Numbers that opted out."),
    Field("consented", "names", "Numbers that opted in to the rule's category."),
    Field("sent", "list", "Texts sent before: {to, at}.", parts=SENT),
)
SCENE = (
    Field("now", "moment", "The clock of this moment."),
    Field("event", "text", "The event type; the rule's first one when left out."),
    Field("reply", "text", "In place of an event: what the phone writes back."),
    Field("payload", "any", "The event's fields, or a file of sample_payloads/."),
    Field("set", "map", "Fields changed in the payload, by dotted path."),
    Field("occurred_at", "moment", "When it happened at the source; now when left out."),
    Field("expect", "map", "What must follow.", parts=EXPECT),
)
TEST = (
    Field("name", "text", "What is shown.", required=True),
    *SCENE,
    Field("given", "map", "What happened before: opted_out, consented, sent.", parts=GIVEN),
    Field("story", "list", "Several moments in order instead of one payload.", parts=SCENE),
)
LINKS = (
    Field("domain", "text", "A domain of yours that leads to Tidings.", example="https://t.example"),
    Field("expires", "duration", "How long after its text a link leads on.", "90d"),
    Field("hosts", "names", "Where links may lead: these hosts and those below them. None named: anywhere.",
          example="[shop.example, pay.example]"),
)  # fmt: skip
DEFAULTS = (
    Field("region", "text", "Country in which a number without +.. is read.", "", example="DE"),
    Field("locale", "text", "Language when a record names none: a locale or a field.", "en", example="customer.locale"),
    Field("tz", "text", "Time zone when a record names none: a zone or a field.", "UTC", example="Europe/Berlin"),
    Field("gateway", "gateways", "Which gateways carry it, in order.", (), example="[main, backup]", parts=GATEWAYS),
    Field("sender", "text", "What the phone shows as the sender.", "", example="Kerzenhof"),
    Field("priority", "choice", "Which lane it waits in.", "normal", choices=("otp", "high", "normal", "bulk")),
    Field("ttl", "duration", "Not handed over by then: expired.", "24h"),
    Field("max_age", "duration", "An older event sends nothing.", "48h"),
    Field("quiet_hours", "quiet", "Hours in which nobody is texted.", None, parts=QUIET),
    Field("legal_hours", "choice", "Which texts keep to the hours the law of a country sets.", "consent",
          choices=("consent", "always", "never")),
    Field("throttle", "map", "At most so many texts in so much time.", None, parts=THROTTLE),
    Field("max_segments", "number", "A longer text is not sent.", 6),
    Field("smart", "choice", "Replace look-alike characters that double the price.", "safe",
          choices=("off", "safe", "strip-accents", "ascii")),
    Field("links", "map", "How {{ pay_url|short }} makes a link short.", parts=LINKS),
    Field("on_unknown", "choice", "After a submit with unknown outcome.", "drop", choices=("drop", "retry", "ask")),
)  # fmt: skip
RULE = (
    Field("id", "text", "The rule's name: letters, digits, - and _.", required=True, example="order-confirmed"),
    Field("event", "events", "Which events it listens to.", example="order.created"),
    Field("campaign", "map", "In place of event: one text to everybody on a list.", parts=CAMPAIGN),
    Field("when", "conditions", "Every line must hold.", ()),
    Field("to", "paths", "Fields that may hold the number; the first usable one wins.", required=True),
    *DEFAULTS,
    Field("text", "texts", "What it says."),
    Field("template", "text", "Name of a text in rules/templates/."),
    Field("text_by", "path", "The field whose value picks the text."),
    Field("key", "template", "Names the record; one waiting text per key and step.", example='"{{ appointment_id }}"'),
    Field("dedupe", "map", "Which events are the same fact.", parts=DEDUPE),
    Field("batch", "map", "Joins several events for one person into one text: {{ count }}, {{ items }}.", parts=BATCH),
    Field("schedule", "map", "When it leaves, where that is not at once.", parts=RULE_SCHEDULE),
    Field("sequence", "list", "Several texts over time, each with its schedule.", parts=STEP),
    Field("cancel_on", "events", "Events that end the waiting texts of the same key.", ()),
    Field("supersede", "template", "A newer event with the same value replaces a text still waiting."),
    Field("consent", "text", "The category this text needs consent for; empty for transactional texts.", ""),
    Field("replies", "map", "Which answers the text asks for, and what follows each of them.", parts=REPLIES),
    Field("redact", "names", "Fields stored and shown as ******.", ()),
    Field("recheck", "map", "What is asked of the source just before sending.", parts=RECHECK),
    Field("test_events", "bool", "Also text for events of the sender's test mode.", default=False),
    Field("enabled", "bool", "Off: the rule decides nothing.", default=True),
    Field("shadow", "bool", "On: the rule decides and records, and sends nothing.", default=False),
    Field("tests", "list", "Examples that must hold before the file is used.", parts=TEST),
)
FILE = (
    Field("version", "text", "Always 1.", required=True, example="1"),
    Field("defaults", "map", "What holds for every rule that does not say otherwise.", parts=DEFAULTS),
    Field("sources", "sources", "What is particular about a source: its zone, its names for fields.", parts=SOURCE),
    Field("include", "names", "More files with rules, relative to this one."),
    Field("rules", "list", "The rules.", required=True, parts=RULE),
)
