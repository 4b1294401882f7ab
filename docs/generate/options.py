"""Every setting of tidings.toml."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from docs.generate.markdown import shown, table
from settings import Settings, parts

PARTS: dict[str, type[BaseModel]] = {"": Settings, "routes": parts.Routes,
         "routes.when": parts.RouteWhen, "limits": parts.Limits,
         "retention": parts.RetentionSettings, "audit": parts.AuditSettings,
         "verifications": parts.VerificationSettings, "replies": parts.Replies,
         "tracing": parts.TracingSettings,
         "console": parts.ConsoleSettings, "console.oidc": parts.OidcSettings,
         "sources.NAME": parts.SourceSettings, "gateways.NAME": parts.GatewaySettings,
         "webhooks.NAME": parts.WebhookSettings}  # fmt: skip


def settings() -> str:
    """List every setting of tidings.toml; what a connector or gateway adds is on its own page."""
    rows = []
    for part, model in PARTS.items():
        for name, field in model.model_fields.items():
            inner = field.annotation
            if part == "" and (name in PARTS or f"{name}.NAME" in PARTS):
                continue
            default = "required" if field.default is PydanticUndefined else shown(field.default)
            path = f"{part}.{name}".lstrip(".")
            rows.append((f"`{path}`", _type(inner), default, field.description or SETTINGS.get(path, "")))
    return table(("Setting", "Is", "Default", "Means"), rows)


SETTINGS = {
    "mode": "Who may be reached: see Modes.",
    "allow": "The numbers a real gateway may have while mode is allowlist.",
    "redirect_to": "The number that gets every text while mode is redirect.",
    "host": "The address to listen on. The default is reached from this machine only; TIDINGS_HOST stands above it.",
    "port": "The port to listen on.",
    "public_url": "The address senders and providers were told to call: signatures and receipt addresses need it.",
    "database": "Where everything is kept: a SQLite file, or postgresql://user@host/name (see scaling.md).",
    "database_password": "The password for a PostgreSQL server, where the address has none.",
    "rules": "The rules file.",
    "routes.order": "The gateways that carry a text whose rule names none; the first that works wins.",
    "routes.when": "Rows for some texts, read from top to bottom; the first that fits decides: see Routing.",
    "routes.prices": "The price table, a CSV file, for rows that ask for the cheapest.",
    "routes.when.country": "ISO codes such as DE: the country of the number that gets the text.",
    "routes.when.prefix": "Beginnings of that number, such as +4917.",
    "routes.when.lane": "Lanes: otp, high, normal or bulk.",
    "routes.when.sender": "Senders as the rule sets them.",
    "routes.when.category": "Categories as the rule sets them.",
    "routes.when.use": "The gateways in order, or with weights: {main = 80, backup = 20}.",
    "routes.when.cheapest": "The gateways among which the price table chooses.",
    "console": "How people come in to the console: see [Access](security.md).",
    "console.require_totp": "Nobody gets further than their account without a second factor.",
    "console.idle": "How long a session lasts without being used.",
    "console.longest": "How long a session lasts at most.",
    "console.trusted_proxies": "Addresses of proxies whose X-Forwarded-For is believed.",
    "console.public_status": "Anybody may read the [service level](service-level.md) at /status.",
    "console.oidc": "An identity provider that vouches for people; without it there is none.",
    "console.oidc.issuer": "The provider's address; its description is read from there.",
    "console.oidc.client_id": "What the provider calls Tidings.",
    "console.oidc.client_secret": "The secret it shares with Tidings. Write env:VARIABLE.",
    "console.oidc.title": "What the sign-in page calls the provider.",
    "console.oidc.name_claim": "The claim that names a person; email has to be verified.",
    "console.oidc.groups_claim": "The claim that lists a person's groups.",
    "console.oidc.roles": "The role of each group; without any, people are added before.",
    "replies.confirm_stop": "What a STOP is answered with, by language: once a day, nothing without a text.",
    "replies.confirm_start": "What a START is answered with, by language.",
    "replies.help": "What HELP is answered with, by language; say who you are and how to reach you.",
    "replies.one_stop_stops_everything": "A STOP ends every text; false: those of the category it answers.",
    "replies.provider_answers": "Gateways whose provider answers STOP, START and HELP itself.",
    "limits.sender_threads": "How many texts are handed over at the same time.",
    "limits.max_body": "Bytes a webhook may have, where its source sets no other limit.",
    "tracing": "Where traces go, for OpenTelemetry: see [Traces](operations.md#traces).",
    "tracing.endpoint": "The collector's address for OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces.",
    "tracing.headers": "Headers for the collector; write env:VARIABLE for what is secret.",
    "tracing.share": "The share of events whose trace is told, each whole or not at all.",
    "verifications": "Codes that people enter to prove that a phone is theirs.",
    "verifications.pepper": "What codes are made from, 32 random characters or more; without it there are none.",
    "verifications.home": "The countries your customers are from; limits are wide there.",
    "verifications.countries": "Further countries that codes are sent to; to all others none are.",
    "verifications.length": "Digits of a code.",
    "verifications.words": "Words of a code instead of digits, 2 to 4 of 11 bits each; 0 for digits.",
    "verifications.voip": "Whether internet phones get codes.",
    "verifications.lifetime": "How long a code is good.",
    "verifications.cooldown": "How long after a code another may be asked for; before that nothing is sent.",
    "verifications.tries": "Wrong codes until the verification ends.",
    "verifications.per_number": "Codes to one number, such as five in an hour.",
    "verifications.wrong": "Wrong codes entered for one number, since the last right one, until it gets no more.",
    "verifications.per_address": "Codes asked for from one visitor's address.",
    "verifications.per_prefix": "Codes nobody entered to neighbouring numbers, which differ in their last four digits.",
    "verifications.per_country": "Codes to each country at home.",
    "verifications.abroad": "Codes to each country that is not home.",
    "verifications.entered": "The share of codes to neighbouring numbers that has to be entered, or they get no more.",
    "verifications.price": "What a code costs by country, the empty name for all others, for the limit on money.",
    "verifications.spend": "The most that codes may cost in 24 hours; 0 is no limit.",
    "verifications.spend_abroad": "The most of it for countries that are not home; 0 is no limit of its own.",
    "retention": "How long requests, texts, people and the journal are kept.",
    "retention.requests": "The raw bodies of requests; events can then no longer be read again from them.",
    "retention.texts": "The words of texts and replies; the figures stay.",
    "retention.people": "Numbers, the data of events, what gates saw, and the search index.",
    "retention.journal": "Events, texts and journal rows themselves, by whole seals.",
    "audit": "How the journal is sealed.",
    "audit.seal_key": "The key of the seals' digests; whoever has it can make them anew.",
    "audit.export_to": "A file or an address that gets each seal as well, and shows a cut-off end.",
    "limits.receipt_within": "How long a provider has for its receipt; then the text is unconfirmed.",
    "limits.receipt_within_otp": "The same for codes.",
    "limits.api_per_minute": "Requests that one API key may make in a minute.",
    "limits.texts_per_day": "Texts that may leave on one day (UTC); what is over waits for the next. 0: any number.",
    "limits.texts_per_country": 'The same for countries, such as {DE = 5000, "*" = 200}; `*` is every other one.',
    "limits.spend_per_day": "What the texts of one day may cost, such as {EUR = 100}.",
    "limits.bulk_share": "How much of each of these caps bulk texts may use.",
    "limits.marketing_per_person": "Texts that need consent to one person in a time, such as 3/7d, over all campaigns.",
    "sources.NAME.connector": "The file of connectors/ that reads this source. The address is /hooks/NAME.",
    "sources.NAME.secret": "The shared secret, or a list of them while it is being changed. Write env:VARIABLE.",
    "sources.NAME.max_body": "Bytes a webhook of this source may have.",
    "sources.NAME.per_second": "Requests per second; 0 means as many as come. More are answered 429.",
    "sources.NAME.poll_every": "How often to ask the source, such as 5m; empty means never.",
    "sources.NAME.subscribe": "Make the webhooks at the source, and see every hour that they go on.",
    "sources.NAME.provider_texts": "false says that the system itself texts nobody: `rules check` then warns no more.",
    "sources.NAME.contacts": 'Whose contacts give a phone to events without: `{from = "crm", by = "customer.email"}`.',
    "webhooks.NAME.url": "The address to post to; https, without user name or password.",
    "webhooks.NAME.secret": "whsec_ and base64, or a list of them while it is being changed. Write env:VARIABLE.",
    "webhooks.NAME.events": "What to tell: see [Webhooks](webhooks.md#what-is-told).",
    "webhooks.NAME.rules": "Only texts of these rules; empty means of all.",
    "webhooks.NAME.sources": "Only texts for events of these sources; empty means of all.",
    "webhooks.NAME.numbers": "Tell phone numbers in full instead of masked.",
    "webhooks.NAME.texts": "Tell the words of texts and replies, except of rules that redact.",
    "webhooks.NAME.allow_private": "Let the address be http, this machine or a private network.",
    "gateways.NAME.kind": "The file of gateways/ that speaks to this provider.",
    "gateways.NAME.per_second": "Segments per second; a fifth is kept for what is urgent. 0 means no limit of ours.",
    "gateways.NAME.per_sender": "Segments per second of each sender number. 0 means no limit of ours.",
}
"""What each setting is for, in the operator's words; tests/test_docs.py misses the sentence of a new one."""


def _type(annotation: Any) -> str:
    text = (
        annotation.__name__ if isinstance(annotation, type) and not hasattr(annotation, "__args__") else str(annotation)
    )
    if "Literal" in text:
        return " \\| ".join(str(value) for value in annotation.__args__)
    names = {"str": "text", "int": "number", "str | tuple[str, ...]": "text or list", "tuple[str, ...]": "list",
             "tuple[str, ...] | dict[str, float]": "list or weights", "tuple[settings.parts.RouteWhen, ...]": "tables",
             "int | None": "number",
             "bool | None": "true or false", "settings.parts.ContactsSettings | None": "table",
             "settings.parts.OidcSettings | None": "table",
             "collections.abc.Mapping[str, str]": "table", "collections.abc.Mapping[str, float]": "table",
             "float": "number",
             "bool": "true or false"}  # fmt: skip
    return names.get(text, text)
