"""tidings.toml: what the operator decides, read once, checked whole, with each secret in the environment.

Unknown keys are errors with the nearest name; a missing secret refuses to start and names the key.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from model.access import ROLES
from model.message import Lane
from model.reasons import ConfigError, Problem
from model.telling import TELLINGS
from model.verification import Policy, Rate

if TYPE_CHECKING:
    from dispatch.prices import Prices
    from dispatch.roads import Roads
    from web.desk import Entrance

DEFAULT_FILE = "tidings.toml"
SERVER = ("postgresql://", "postgres://")
SHORTEST_PEPPER = 32
NO_RATE = Rate(most=0, within=timedelta(days=1))


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _order_or_weights(value: Any) -> Any:
    weighted = isinstance(value, dict) and all(isinstance(one, int | float) for one in value.values())
    if weighted or (isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)):
        return value
    raise ValueError('is an order, ["main", "backup"], or weights, {main = 80, backup = 20}')


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
OrderOrWeights = Annotated[tuple[str, ...] | dict[str, float], BeforeValidator(_order_or_weights)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RouteWhen(_Part):
    """One [[routes.when]]: for which messages, and their gateways in order, by weight or by price."""

    country: Words = ()
    prefix: Words = ()
    lane: Words = ()
    sender: Words = ()
    category: Words = ()
    use: OrderOrWeights = ()
    cheapest: tuple[str, ...] = ()


class Routes(_Part):
    """Which gateways carry a message whose rule names none: the first row of `when` that fits, else `order`."""

    order: tuple[str, ...] = ("console",)
    when: tuple[RouteWhen, ...] = ()
    prices: str = ""


class Limits(_Part):
    """How much at once."""

    sender_threads: int = Field(default=16, ge=1, le=512)
    max_body: int = Field(default=1_000_000, ge=1_000, le=20_000_000)
    receipt_within: str = "72h"
    receipt_within_otp: str = "15m"
    api_per_minute: int = Field(default=1_200, ge=1, le=1_000_000)
    texts_per_day: int = Field(default=0, ge=0)
    texts_per_country: Mapping[str, Annotated[int, Field(ge=1)]] = {}
    spend_per_day: Mapping[str, Annotated[float, Field(gt=0)]] = {}
    bulk_share: float = Field(default=0.9, gt=0, le=1)
    marketing_per_person: str = ""

    @property
    def caps(self) -> dict[str, tuple[int, int]]:
        """How much may leave on one day, and how much of that bulk texts may use, by the name of the cap."""
        wanted = {"texts": self.texts_per_day} if self.texts_per_day else {}
        wanted |= {f"texts/{country}": most for country, most in self.texts_per_country.items()}
        wanted |= {f"money/{name}": round(most * 1_000_000) for name, most in self.spend_per_day.items()}
        return {name: (most, max(1, int(most * self.bulk_share))) for name, most in wanted.items()}

    @property
    def per_person(self) -> tuple[int, int] | None:
        """How many marketing texts a person gets in how many milliseconds; None for any number."""
        found = rate(self.marketing_per_person) if self.marketing_per_person else None
        return (found.most, int(found.within.total_seconds() * 1000)) if found else None


class Replies(_Part):
    """What is answered to texts from phones, by language, and how far a STOP reaches."""

    confirm_stop: Mapping[str, str] = {}
    confirm_start: Mapping[str, str] = {}
    help: Mapping[str, str] = {}
    one_stop_stops_everything: bool = True
    provider_answers: tuple[str, ...] = ()


class ContactsSettings(BaseModel):
    """Where an event without a phone gets it: the source whose contacts are looked through, and the event's field."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_: str = Field(alias="from")
    by: str


class SourceSettings(BaseModel):
    """One [sources.NAME]: the connector, its secrets, and the connector's own options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    connector: str
    secret: str | tuple[str, ...] = ()
    max_body: int | None = None
    per_second: int = Field(default=0, ge=0)
    poll_every: str = ""
    subscribe: bool = False
    provider_texts: bool | None = None
    contacts: ContactsSettings | None = None

    @property
    def options(self) -> dict[str, Any]:
        """The settings that belong to the connector itself."""
        return dict(self.model_extra or {})


class GatewaySettings(BaseModel):
    """One [gateways.NAME]: the kind and that kind's own options."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: str
    per_second: float = Field(default=0, ge=0)
    per_sender: float = Field(default=0, ge=0)

    @property
    def options(self) -> dict[str, Any]:
        """The settings that belong to the gateway itself."""
        return dict(self.model_extra or {})


class WebhookSettings(_Part):
    """One [webhooks.NAME]: a system of ours that is told what becomes of texts."""

    url: str
    secret: str | tuple[str, ...]
    events: tuple[str, ...] = Field(min_length=1)
    rules: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    numbers: bool = False
    texts: bool = False
    allow_private: bool = False


class RetentionSettings(_Part):
    """How long each kind of data is kept ("30d", "12h"); "" keeps it for ever."""

    requests: str = "30d"
    texts: str = "180d"
    people: str = "365d"
    journal: str = "1095d"


class AuditSettings(_Part):
    """How the journal is sealed: the key that makes the digests, and where each seal is written to as well."""

    seal_key: str = ""
    export_to: str = ""


class VerificationSettings(_Part):
    """Codes that people enter. Without a pepper none are made."""

    pepper: str = ""
    home: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    length: int = Field(default=6, ge=4, le=10)
    words: int = Field(default=0, ge=0, le=4)
    voip: bool = False
    lifetime: str = "10m"
    cooldown: str = "30s"
    tries: int = Field(default=5, ge=1, le=20)
    per_number: str = "5/1h"
    wrong: str = "100/24h"
    per_address: str = "20/1h"
    per_prefix: str = "30/1h"
    per_country: str = "2000/24h"
    abroad: str = "100/24h"
    entered: float = Field(default=0.2, ge=0, le=1)
    price: Mapping[str, float] = {}
    spend: float = Field(default=0, ge=0)
    spend_abroad: float = Field(default=0, ge=0)


class TracingSettings(_Part):
    """Where traces go; without an endpoint there are none."""

    endpoint: str = ""
    headers: Mapping[str, str] = {}
    share: float = Field(default=1.0, ge=0, le=1)


class OidcSettings(_Part):
    """[console.oidc]: an identity provider that vouches for people (OpenID Connect)."""

    issuer: str
    client_id: str
    client_secret: str
    title: str = "your organisation"
    name_claim: str = "email"
    groups_claim: str = "groups"
    roles: Mapping[str, str] = {}


class ConsoleSettings(_Part):
    """How people come in to the console."""

    require_totp: bool = False
    idle: str = "30m"
    longest: str = "12h"
    trusted_proxies: Words = ()
    public_status: bool = False
    oidc: OidcSettings | None = None


class Settings(_Part):
    """Everything in tidings.toml. Without a file these defaults run: sink mode, SQLite, the console gateway."""

    mode: Literal["sink", "allowlist", "redirect", "live"] = "sink"
    allow: tuple[str, ...] = ()
    redirect_to: str = ""
    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65535)
    public_url: str = ""
    database: str = "sqlite:///tidings.db"
    database_password: str = ""
    rules: str = "rules/rules.yaml"
    sources: Mapping[str, SourceSettings] = {}
    gateways: Mapping[str, GatewaySettings] = {}
    webhooks: Mapping[str, WebhookSettings] = {}
    routes: Routes = Routes()
    limits: Limits = Limits()
    retention: RetentionSettings = RetentionSettings()
    audit: AuditSettings = AuditSettings()
    verifications: VerificationSettings = VerificationSettings()
    replies: Replies = Replies()
    console: ConsoleSettings = ConsoleSettings()
    tracing: TracingSettings = TracingSettings()

    @property
    def code_policy(self) -> Policy:
        """What [verifications] allows."""
        wanted = self.verifications
        return Policy(
            home=frozenset(wanted.home),
            countries=frozenset(wanted.countries),
            length=wanted.length,
            words=wanted.words,
            voip=wanted.voip,
            tries=wanted.tries,
            lifetime=duration(wanted.lifetime) or timedelta(),
            cooldown=duration(wanted.cooldown) or timedelta(),
            per_number=rate(wanted.per_number) or NO_RATE,
            wrong=rate(wanted.wrong) or NO_RATE,
            per_origin=rate(wanted.per_address) or NO_RATE,
            per_prefix=rate(wanted.per_prefix) or NO_RATE,
            per_country=rate(wanted.per_country) or NO_RATE,
            abroad=rate(wanted.abroad) or NO_RATE,
            entered=wanted.entered,
            price={country: round(price * 1_000_000) for country, price in wanted.price.items()},
            spend=round(wanted.spend * 1_000_000),
            spend_abroad=round(wanted.spend_abroad * 1_000_000),
        )

    @property
    def kept_for(self) -> Any:
        """How long each kind of data is kept, as audit.retention has it."""
        from audit.retention import Retention  # noqa: PLC0415 - settings are read before anything else is needed

        return Retention(**{kind: duration(time) for kind, time in self.retention.model_dump().items()})

    @property
    def address(self) -> str:
        """The address others reach us at."""
        return self.public_url.rstrip("/") or f"http://{self.host}:{self.port}"

    @property
    def entrance(self) -> Entrance:
        """How people come in to the console, as the pages have it."""
        from audit.sessions import Lengths  # noqa: PLC0415 - most commands show no pages
        from web.desk import Entrance, Provider  # noqa: PLC0415

        said = self.console
        idle, most = duration(said.idle), duration(said.longest)
        return Entrance(
            host=self.host, address=self.address, require_totp=said.require_totp,
            lengths=Lengths(**{name: found for name, found in (("idle", idle), ("most", most)) if found}),
            trusted_proxies=frozenset(said.trusted_proxies), public_status=said.public_status,
            provider=Provider(**said.oidc.model_dump()) if said.oidc else None,
        )  # fmt: skip

    @property
    def rules_path(self) -> Path:
        """The rules file: where we run, else the one that comes with the code."""
        path = Path(self.rules)
        return path if path.exists() or path.is_absolute() else Path(__file__).resolve().parent / self.rules

    def roads(self) -> Roads:
        """Build the table of routes. Raises ConfigError when the price table cannot be read."""
        from dispatch.prices import Prices  # noqa: PLC0415 - most commands need no routes
        from dispatch.roads import Roads, Sign  # noqa: PLC0415

        signs = tuple(
            Sign(
                country=frozenset(row.country), prefix=row.prefix, lane=frozenset(row.lane),
                sender=frozenset(row.sender), category=frozenset(row.category), cheapest=row.cheapest,
                use=row.use if isinstance(row.use, tuple) else (),
                weights=row.use if isinstance(row.use, dict) else {},
            )
            for row in self.routes.when
        )  # fmt: skip
        prices = _prices(Path(self.routes.prices)) if self.routes.prices else Prices()
        return Roads(order=self.routes.order, signs=signs, prices=prices)

    @property
    def receipt_within(self) -> dict[Lane, timedelta]:
        """How long a provider has for its receipt, by lane."""
        most, otp = duration(self.limits.receipt_within), duration(self.limits.receipt_within_otp)
        found = {lane: otp if lane is Lane.OTP else most for lane in Lane}
        return {lane: within for lane, within in found.items() if within is not None}

    @property
    def place(self) -> Path | str:
        """Where the store is: the file of the embedded database, or the address of a server with its password."""
        if not self.has_server:
            return Path(self.database.removeprefix("sqlite:///"))
        if not self.database_password:
            return self.database
        parts = urlsplit(self.database)
        host = parts.netloc.rpartition("@")[2]
        netloc = f"{parts.username or ''}:{quote(self.database_password, safe='')}@{host}"
        return urlunsplit(parts._replace(netloc=netloc))

    @property
    def has_server(self) -> bool:
        """Whether the store is on a server."""
        return self.database.startswith(SERVER)

    @property
    def has_database(self) -> bool:
        """Whether there is something to look into: a file may not have been made yet."""
        return self.has_server or self.database_path.exists()

    @property
    def database_path(self) -> Path:
        """The file of the embedded database. Raises ConfigError where it is on a server."""
        if self.has_server:
            raise ConfigError([_problem(Path(DEFAULT_FILE), "This works on a file; the database is on a server.")])
        return Path(self.database.removeprefix("sqlite:///"))


SETTING_NAMES = {
    name
    for part in (Settings, WebhookSettings, Routes, RouteWhen, Limits, Replies, ConsoleSettings, OidcSettings)
    for name in part.model_fields
}


def load(path: Path | None, environment: Mapping[str, str]) -> Settings:
    """Read the file (defaults when there is none). Raises ConfigError with every problem."""
    if path is None:
        path = Path(DEFAULT_FILE)
        if not path.exists():
            return Settings()
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError([_problem(path, f"The file cannot be read: {error.strerror}.")]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([_problem(path, f"This is not TOML: {error}.")]) from None
    problems: list[Problem] = []
    filled = _with_secrets(raw, environment, "", path, problems)
    try:
        settings = Settings.model_validate(filled)
    except ValidationError as error:
        problems += [_explain(path, detail) for detail in error.errors()]
        raise ConfigError(problems) from None
    problems += _check(settings, path)
    if problems:
        raise ConfigError(problems)
    return settings


def duration(text: str) -> timedelta | None:
    """Read "5m", "30s" or "1h"; None for anything else."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    if len(text) < 2 or text[-1] not in units or not text[:-1].isdecimal():
        return None
    return timedelta(seconds=int(text[:-1]) * units[text[-1]])


def rate(text: str) -> Rate | None:
    """Read "5/1h": at most five in an hour; None for anything else."""
    most, _, span = text.partition("/")
    within = duration(span)
    return Rate(most=int(most), within=within) if most.isdecimal() and within else None


def _with_secrets(value: Any, environment: Mapping[str, str], key: str, path: Path, problems: list[Problem]) -> Any:
    """Replace every "env:NAME" by the variable; a missing one is a problem."""
    if isinstance(value, dict):
        return {k: _with_secrets(v, environment, f"{key}.{k}".lstrip("."), path, problems) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_secrets(child, environment, key, path, problems) for child in value]
    if isinstance(value, str) and value.startswith("env:"):
        name = value[4:]
        if not environment.get(name):
            problems.append(_problem(path, f"{key} wants the environment variable {name}, which is not set."))
        return environment.get(name, "")
    return value


def _check(settings: Settings, path: Path) -> list[Problem]:
    known = {"console", *settings.gateways}
    problems = [
        _problem(path, f"routes.order names the gateway {name!r}, which is not there.", name, known)
        for name in settings.routes.order
        if name not in known
    ]
    problems += _check_roads(settings, path, sorted(known))
    problems += [
        _problem(path, f'retention.{kind} is {time!r}, and should be like "30d" or "12h", or "" for ever.')
        for kind, time in settings.retention.model_dump().items()
        if time and duration(time) is None
    ]
    problems += _check_codes(settings.verifications, path)
    problems += [
        _problem(path, f"replies.provider_answers names the gateway {name!r}, which is not there.", name, known)
        for name in settings.replies.provider_answers
        if name not in known
    ]
    for name in ("receipt_within", "receipt_within_otp"):
        if duration(getattr(settings.limits, name)) is None:
            problems.append(_problem(path, f"limits.{name} is a length of time such as 72h or 15m."))
    problems += _check_caps(settings.limits, path)
    if settings.mode == "redirect" and not settings.redirect_to:
        problems.append(_problem(path, "mode is redirect and redirect_to is missing."))
    problems += _check_database(settings, path)
    problems += _check_console(settings.console, path)
    return problems + [found for name in settings.webhooks for found in _check_webhook(settings, name, path)]


def _check_caps(limits: Limits, path: Path) -> Iterator[Problem]:
    if limits.marketing_per_person and rate(limits.marketing_per_person) is None:
        said = f'limits.marketing_per_person is {limits.marketing_per_person!r}, and should be like "3/7d".'
        yield _problem(path, said)
    for country in limits.texts_per_country:
        if country != "*" and not (len(country) == 2 and country.isalpha() and country.isupper()):
            yield _problem(path, f"limits.texts_per_country names {country!r}; write DE, or * for all other countries.")
    for currency in limits.spend_per_day:
        if not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
            yield _problem(path, f"limits.spend_per_day names {currency!r}; write three letters such as EUR.")


def _check_database(settings: Settings, path: Path) -> Iterator[Problem]:
    if not settings.database.startswith(("sqlite:///", *SERVER)):
        kind = settings.database.split(":")[0]
        yield _problem(path, f"database must start with sqlite:/// or postgresql://, not {kind!r}.")
    elif settings.has_server and not (find_spec("psycopg") and find_spec("psycopg_pool")):
        yield _problem(path, "database is a PostgreSQL server, which needs a library: pip install 'tidings[postgres]'.")
    elif settings.database_password and not settings.has_server:
        yield _problem(path, "database_password is for a server; a SQLite file has none.")


def _check_console(console: ConsoleSettings, path: Path) -> Iterator[Problem]:
    for name in ("idle", "longest"):
        if not duration(getattr(console, name)):
            yield _problem(path, f"console.{name} is a length of time such as 30m or 12h.")
    for proxy in console.trusted_proxies:
        try:
            ip_address(proxy)
        except ValueError:
            yield _problem(path, f"console.trusted_proxies names {proxy!r}, which is no IP address.")
    if console.oidc is not None:
        yield from _check_provider(console.oidc, path)


def _check_provider(provider: OidcSettings, path: Path) -> Iterator[Problem]:
    if not provider.issuer.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        yield _problem(path, "console.oidc.issuer has to begin with https://.")
    if find_spec("jwt") is None:
        yield _problem(path, "console.oidc needs a library: pip install 'tidings[oidc]'.")
    for group, role in provider.roles.items():
        if role not in ROLES:
            text = f"console.oidc.roles gives the group {group!r} the role {role!r}, which is none."
            yield _problem(path, text, role, ROLES)


def _check_webhook(settings: Settings, name: str, path: Path) -> Iterator[Problem]:
    webhook, sources = settings.webhooks[name], {"manual", *settings.sources}
    for event in webhook.events:
        if event not in TELLINGS:
            yield _problem(path, f"webhooks.{name}.events names {event!r}, which is no event.", event, TELLINGS)
    for source in webhook.sources:
        if source not in sources:
            text = f"webhooks.{name}.sources names the source {source!r}, which is not there."
            yield _problem(path, text, source, sources)


def _check_codes(wanted: VerificationSettings, path: Path) -> Iterator[Problem]:
    for name in ("per_number", "wrong", "per_address", "per_prefix", "per_country", "abroad"):
        if rate(getattr(wanted, name)) is None:
            yield _problem(path, f'verifications.{name} is {getattr(wanted, name)!r}, and should be like "5/1h".')
    for name in ("lifetime", "cooldown"):
        if duration(getattr(wanted, name)) is None:
            yield _problem(path, f'verifications.{name} is {getattr(wanted, name)!r}, and should be like "10m".')
    if wanted.words == 1:
        yield _problem(path, "verifications.words is 1: one word is guessed too easily; write 2, 3 or 4.")
    if wanted.pepper and len(wanted.pepper) < SHORTEST_PEPPER:
        yield _problem(path, f"verifications.pepper is shorter than {SHORTEST_PEPPER} characters; make it random.")
    if wanted.pepper and not wanted.home:
        yield _problem(path, 'verifications.home is missing: the countries your customers are from, such as ["DE"].')


def _check_roads(settings: Settings, path: Path, gateways: list[str]) -> list[Problem]:
    if not settings.routes.when and not settings.routes.prices:
        return []
    from dispatch.roads import faults  # noqa: PLC0415 - phone number tables, and most settings have no such rows

    try:
        roads = settings.roads()
    except ConfigError as error:
        return error.problems
    return [
        _problem(path, f"routes.when[{fault.row}] {fault.text}.", fault.word, fault.known)
        for fault in faults(roads, gateways)
    ]


def _prices(path: Path) -> Prices:
    from dispatch.prices import read  # noqa: PLC0415 - only where there is a price table

    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError([_problem(path, f"The price table cannot be read: {said}.")]) from None
    prices, problems = read(text, str(path))
    if problems:
        raise ConfigError(problems)
    return prices


def _explain(path: Path, detail: Any) -> Problem:
    place = _place(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return _problem(path, f"There is no setting {place!r}.", str(detail["loc"][-1]), SETTING_NAMES)
    if detail["type"] == "missing":
        return _problem(path, f"The setting {place} is missing.")
    if detail["type"] == "value_error":
        return _problem(path, f"{place} {detail['msg'].removeprefix('Value error, ')}.")
    return _problem(path, f"{place}: {detail['msg']}.")


def _place(steps: Iterable[str | int]) -> str:
    """Write where a setting stands; rows of a list count from 1."""
    return "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in steps).removeprefix(".")


def _problem(path: Path, text: str, word: str = "", known: Iterable[str] = ()) -> Problem:
    near = difflib.get_close_matches(word, list(known), n=1) if word else []
    return Problem(path=str(path), line=1, column=1, text=text, hint=f"Did you mean {near[0]}?" if near else "")
