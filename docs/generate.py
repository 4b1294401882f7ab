"""The parts of the documentation that are made from the code, for the cog blocks in README.md and docs/*.md.

A block reads: `from docs import generate`, then `cog.out(generate.connectors())`. `make format` writes them anew,
`make check` fails when one is out of date.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

import connectors as connectors_
import gateways as gateways_
from audit.journal import KINDS
from cli import main
from connectors.base import PolledOnly
from connectors.kit.shipping import STATUSES
from dispatch.prices import COLUMNS
from dispatch.telling import SCHEDULE
from gateways.base import Gateway
from gateways.console import MAGIC
from model import event, message, sending, steering
from model.access import Permission, Role
from model.event import EVENT_TYPES
from model.message import Lane, State
from model.reasons import Because, Needs, Reason
from model.sending import ErrorClass
from model.telling import FIELDS, TELLINGS
from settings import Settings, parts
from web.metrics import METRICS
from wire import keywords as keywords_

ROOT = Path(__file__).resolve().parent.parent
PARTS: dict[str, type[BaseModel]] = {"": Settings, "routes": parts.Routes,
         "routes.when": parts.RouteWhen, "limits": parts.Limits,
         "retention": parts.RetentionSettings, "audit": parts.AuditSettings,
         "verifications": parts.VerificationSettings, "replies": parts.Replies,
         "tracing": parts.TracingSettings,
         "console": parts.ConsoleSettings, "console.oidc": parts.OidcSettings,
         "sources.NAME": parts.SourceSettings, "gateways.NAME": parts.GatewaySettings,
         "webhooks.NAME": parts.WebhookSettings}  # fmt: skip
RECEIPTS = {"none": "no receipts", "token": "secret address", "signed": "signature",
            "connection": "the connection"}  # fmt: skip


def connectors(levels: str = "") -> str:
    """List the connectors; `levels` leads to docs/ from the page."""
    rows = []
    for name in connectors_.names():
        kind = connectors_.load(name)
        ways = [
            word
            for word, method in (
                ("polls", "poll"),
                ("consumes", "consume"),
                ("looks up", "lookup"),
                ("rechecks", "refresh"),
                ("writes back", "write_back"),
            )
            if hasattr(kind, method)
        ]
        rows.append((
            f"[{kind.title}]({levels}connectors/{kind.name}.md)", kind.category,
            ", ".join(ways if issubclass(kind, PolledOnly) else ["webhooks", *ways]), _families(kind.event_types),
        ))  # fmt: skip
    return _table(("Connector", "For", "How", "Events"), rows)


def connectors_brief(levels: str = "") -> str:
    """Name the connectors by what they are for, for a page that has little room."""
    links: dict[str, list[str]] = {}
    told: dict[str, dict[str, None]] = {}
    for kind in map(connectors_.load, connectors_.names()):
        also = "" if issubclass(kind, PolledOnly) else "also "
        polls = f" ({also}polled)" if hasattr(kind, "poll") else ""
        links.setdefault(kind.category, []).append(f"[{kind.title}]({levels}connectors/{kind.name}.md){polls}")
        families = (
            ["anything"] if kind.event_types is EVENT_TYPES else [name.split(".")[0] for name in kind.event_types]
        )
        told.setdefault(kind.category, {}).update(dict.fromkeys(families))
    rows = [(category, ", ".join(links[category]), ", ".join(told[category])) for category in sorted(links)]
    return _table(("For", "Connectors", "Tell about"), rows)


def event_types() -> str:
    """List the normalised event types and the ranked shipment statuses."""
    types = _table(("Event", "Means"), [(f"`{name}`", said) for name, said in EVENT_TYPES.items()])
    ranked = [(f"`{name}`", str(status.rank), status.text) for name, status in STATUSES.items()]
    ranks = _table(("Shipment status", "Rank", "Means"), ranked)
    said = "The carriers' own words become one list of statuses. A higher rank is further along, 7 is final."
    return f"{types}\n{said}\n\n{ranks}"


def gateways(levels: str = "") -> str:
    """List the gateways; `levels` leads to docs/ from the page."""
    rows = []
    for kind in gateways_.names():
        found = gateways_.load(kind)
        able = found.capabilities
        again = [
            word for word, has in (("by the provider's own dedupe", able.idempotent), ("by asking", able.lookup)) if has
        ]
        rows.append((
            f"[{found.title}]({levels}gateways.md#{_anchor(found.title)})", f"`{kind}`", RECEIPTS[able.receipts],
            ", ".join(again) or "by the receipt only", "yes" if able.replies else "no",
        ))  # fmt: skip
    return _table(("Gateway", "Kind", "Receipts proved by", "Unclear submits settled", "Replies"), rows)


def gateways_brief(levels: str = "") -> str:
    """Name the gateways by how their receipts are proved, for a page that has little room."""
    by_proof: dict[str, list[str]] = {}
    for kind in map(gateways_.load, gateways_.names()):
        link = f"[{kind.title}]({levels}gateways.md#{_anchor(kind.title)})"
        by_proof.setdefault(RECEIPTS[kind.capabilities.receipts], []).append(link)
    return _table(
        ("Receipts proved by", "Gateways"), [(proof, ", ".join(by_proof[proof])) for proof in sorted(by_proof)]
    )


def gateway_pages() -> str:
    """Describe every gateway: what it can do, its settings, and what nobody has verified."""
    return "\n".join("\n".join(_gateway_page(kind, gateways_.load(kind))) for kind in gateways_.names())


def _gateway_page(name: str, kind: type[Gateway]) -> Iterator[str]:
    able = kind.capabilities
    words = {
        "tells the provider how long a text is worth delivering": able.validity,
        "sends our message id along": able.client_reference,
        "recognises a repeated submit": able.idempotent,
        "can be asked about an unclear submit": able.lookup,
        "takes a receipt address per text": able.per_message_callback,
        "has a test mode": able.test_mode,
    }
    page = f" Provider's page: <{kind.docs_url}>." if kind.docs_url else ""
    yield f"## {kind.title}\n"
    form = "with" if able.number_format == "plus" else "without"
    size = f"at most {able.max_segments} segments"
    yield f'`kind = "{name}"`.{page} Numbers {form} a plus, {size}. Receipts: {RECEIPTS[able.receipts]}.\n'
    if any(words.values()):
        yield "It " + "; ".join(word for word, has in words.items() if has) + ".\n"
    if able.unverified:
        yield f"Not verified: {able.unverified}\n"
    if kind.options:
        yield _table(("Setting", "Means", "Default"), [_option(key, option) for key, option in kind.options.items()])


def rule(rule_id: str) -> str:
    """Quote one rule of rules/rules.yaml, without its tests."""
    text = (ROOT / "rules" / "rules.yaml").read_text("utf-8")
    start = text.index(f"  - id: {rule_id}\n")
    end = text.index("    tests:\n", start)
    return f"```yaml\n{text[start:end]}```\n"


def looked_up() -> str:
    """Quote what a sample says about a look-up."""
    text = (ROOT / "sample_payloads" / "ecwid" / "order-shipped.expect.yaml").read_text("utf-8")
    return f"```yaml\n{text[text.index('  looked_up:') :]}```\n"


def error_classes() -> str:
    """List what a provider's no can mean, and what is done about it."""
    return _table(("Class", "What happens"), [(f"`{one.code}`", one.action) for one in ErrorClass if one.action])


def refusals() -> str:
    """List why the door refuses a request."""
    return _table(("Code", "Answer", "Means"), [(f"`{one.code}`", str(one.status), one.text) for one in Reason])


def reasons() -> str:
    """List why no text was sent."""
    return _table(("Code", "Means"), [(f"`{one.code}`", one.text) for one in Because])


def tellings() -> str:
    """List what a webhook can be told."""
    return _table(("Event", "Means"), [(f"`{name}`", said) for name, said in TELLINGS.items()])


def telling_fields() -> str:
    """List the fields of what is told."""
    return _table(("Field", "Means"), [(f"`{name}`", said) for name, said in FIELDS.items()])


def telling_waits() -> str:
    """Say when a failed telling is tried again."""
    return ", ".join(_long(wait) for wait in SCHEDULE) + "\n"


def _long(wait: timedelta) -> str:
    seconds = int(wait.total_seconds())
    unit, size = next((unit, size) for unit, size in (("h", 3600), ("min", 60), ("s", 1)) if seconds >= size)
    return f"{seconds // size} {unit}"


def states() -> str:
    """List the life of a message with its ranks."""
    marks = {True: "ends the life", False: ""}
    rows = [
        (f"`{one.code}`", str(one.rank), one.words, "may be replaced" if one.soft else marks[one.final])
        for one in State
    ]
    return _table(("State", "Rank", "Shown as", ""), rows)


def magic_numbers() -> str:
    """List what the console plays, by the last two digits of a number reserved for fiction."""
    return _table(("Ends in", "Happens"), [(f"`{ending}`", play.words) for ending, play in MAGIC.items()])


def prices() -> str:
    """Name the columns of the price table."""
    return f"`{','.join(COLUMNS)}`\n"


def lanes() -> str:
    """Name the lanes in the order in which they leave."""
    return " > ".join(f"`{lane.code}`" for lane in sorted(Lane, key=lambda lane: lane.rank)) + "\n"


def words() -> str:
    """Make the glossary from the docstrings of model/."""
    found = {}
    for module in (event, message, sending, steering):
        for name, kind in vars(module).items():
            if inspect.isclass(kind) and kind.__module__ == module.__name__ and (
                is_dataclass(kind) or issubclass(kind, Enum)
            ):  # fmt: skip
                said = " ".join(inspect.cleandoc(kind.__doc__ or "").split())
                found[name] = (f"**{_spaced(name)}**", said, f"`model/{module.__name__.rpartition('.')[2]}.py`")
    return _table(("Word", "Means", "In"), [found[name] for name in sorted(found)])


def roles() -> str:
    """List what people may be."""
    return _table(
        ("Role", "Is here for", "Permissions"),
        [
            (f"`{one.code}`", one.text, ", ".join(each.code for each in Permission if one.may(each)))
            for one in Role
        ],
    )  # fmt: skip


def permissions() -> str:
    """List what may be allowed to a role or a key."""
    return _table(("Permission", "Allows to"), [(f"`{one.code}`", one.text) for one in Permission])


def journal() -> str:
    """List every kind of row of the journal."""
    return _table(("Kind", "Means"), [(f"`{kind}`", said) for kind, said in KINDS.items()])


def metrics() -> str:
    """List every metric."""
    return _table(
        ("Metric", "Is", "Labels", "Means"),
        [(f"`{name}`", one.kind, ", ".join(one.labels), one.text) for name, one in METRICS.items()],
    )


def needs() -> str:
    """List why a reply waits for a person."""
    return _table(("Code", "Means"), [(f"`{one.code}`", one.text) for one in Needs])


def keywords() -> str:
    """List the words that stop, start and ask for help, by language."""
    table = keywords_.table()
    languages = [*table["stop"], *sorted((set(table["start"]) | set(table["help"])) - set(table["stop"]))]
    return _table(
        ("Language", "Stop", "In a longer text", "Start", "Help"),
        [
            (
                language, ", ".join(table["stop"].get(language, {}).get("words", ())),
                ", ".join(table["stop"].get(language, {}).get("wishes", ())[:3]),
                ", ".join(table["start"].get(language, ())), ", ".join(table["help"].get(language, ())),
            )
            for language in languages
        ],
    )  # fmt: skip


def keyword_sources() -> str:
    """Say where the words come from."""
    table = keywords_.table()
    return "".join(f"- {source}.\n" for source in table["sources"]) + f"\nRead {table['read']}.\n"


def writers() -> str:
    """Name the connectors that can write an answer into the record."""
    kinds = [kind for kind in map(connectors_.load, connectors_.names()) if hasattr(kind, "write_back")]
    return ", ".join(f"[{kind.title}](connectors/{kind.name}.md)" for kind in kinds) + ".\n"


def settings() -> str:
    """List every setting of tidings.toml; what a connector or gateway adds is on its own page."""
    rows = []
    for part, model in PARTS.items():
        for name, field in model.model_fields.items():
            inner = field.annotation
            if part == "" and (name in PARTS or f"{name}.NAME" in PARTS):
                continue
            default = "required" if field.default is PydanticUndefined else _value(field.default)
            path = f"{part}.{name}".lstrip(".")
            rows.append((f"`{path}`", _type(inner), default, field.description or SETTINGS.get(path, "")))
    return _table(("Setting", "Is", "Default", "Means"), rows)


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


def commands() -> str:
    """Print the help of every command."""
    parts = []
    for path, command in every_command():
        context = click.Context(command, info_name=" ".join(("tidings", *path)))
        usage = " ".join(command.collect_usage_pieces(context))
        parts.append(f"### `{context.info_name}`\n\n{command.help}\n")
        rows = [
            (
                f"`{', '.join(one.opts)}`" if isinstance(one, click.Option) else f"`{one.human_readable_name}`",
                _help(one),
            )
            for one in command.params
            if not isinstance(one, click.Argument)
        ]
        parts.append(f"```text\n{context.info_name} {usage}\n```\n".replace(" \n", "\n"))
        if rows:
            parts.append(_table(("Option", "Means"), rows))
    return "\n".join(parts)


def every_command(
    group: click.Group = main, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Walk through all commands: the words to type and the command."""
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))
        else:
            yield (*path, name), command


def contracts() -> str:
    """Say which folder may import what, from the import contracts in pyproject.toml."""
    import tomllib  # noqa: PLC0415 - read beside its only use

    found = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    rows = []
    for contract in found:
        if contract["type"] == "layers":
            said = "Upper layers import lower ones, never the other way: " + " over ".join(
                f"`{layer}`" for layer in contract["layers"]
            )
        elif contract["type"] == "independence":
            said = f"No module of {_code(contract['modules'])} imports another one."
        else:
            said = f"{_code(contract['source_modules'])} import none of {_code(contract['forbidden_modules'])}."
        rows.append((contract["name"], said))
    return _table(("Contract", "Says"), rows)


def first_sentence(path: str) -> str:
    """Return what a module is for."""
    said = ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8"))) or ""
    return " ".join(said.split("\n\n")[0].split())


def _spaced(name: str) -> str:
    return "".join(f" {char.lower()}" if char.isupper() else char for char in name).strip()


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _help(option: click.Parameter) -> str:
    said = getattr(option, "help", None) or ""
    shown = getattr(option, "show_default", False) and option.default not in (None, "")
    return f"{said} Default: {option.default}." if shown else said


def _option(name: str, option: Any) -> tuple[str, ...]:
    default = "required" if option.required else _value(option.default)
    return f"`{name}`", option.text + (" Secret." if option.secret else ""), default


def _first_line(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "").splitlines()[0]


def _families(names: Iterable[str]) -> str:
    """Write `order.created, order.paid` as `order (created, paid)`; a vendor's own events keep to their own page."""
    names = list(names)
    if set(names) == set(EVENT_TYPES):
        return "any, and `custom.*`"
    by_family: dict[str, list[str]] = {}
    for name in names:
        family, _, rest = name.partition(".")
        by_family.setdefault(family, []).append(rest)
    return ", ".join(f"{family} ({', '.join(rest)})" for family, rest in by_family.items())


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


def _value(value: Any) -> str:
    if isinstance(value, BaseModel | Mapping) or value in (None, "", (), {}):
        return ""
    if isinstance(value, tuple):
        return ", ".join(f"`{one}`" for one in value)
    return f"`{value}`"


def _anchor(title: str) -> str:
    """Return the anchor GitHub gives to a heading."""
    kept = "".join(char for char in title.lower() if char.isalnum() or char in " -_")
    return kept.replace(" ", "-")


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(_cell(cell) for cell in line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace(" | ", " \\| ").replace("<", "&lt;")
