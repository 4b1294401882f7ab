"""The tables of tidings.toml, one class each, with what holds when nothing is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from settings.spans import rate


def _listed(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _order_or_weights(value: Any) -> Any:
    weighted = isinstance(value, dict) and all(isinstance(one, int | float) for one in value.values())
    if weighted or (isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)):
        return value
    raise ValueError('is an order, ["main", "backup"], or weights, {main = 80, backup = 20}')


Words = Annotated[tuple[str, ...], BeforeValidator(_listed)]
OrderOrWeights = Annotated[tuple[str, ...] | dict[str, float], BeforeValidator(_order_or_weights)]


class Part(BaseModel):
    """A table whose keys are all known."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RouteWhen(Part):
    """One [[routes.when]]: for which messages, and their gateways in order, by weight or by price."""

    country: Words = ()
    prefix: Words = ()
    lane: Words = ()
    sender: Words = ()
    category: Words = ()
    use: OrderOrWeights = ()
    cheapest: tuple[str, ...] = ()


class Routes(Part):
    """Which gateways carry a message whose rule names none: the first row of `when` that fits, else `order`."""

    order: tuple[str, ...] = ("console",)
    when: tuple[RouteWhen, ...] = ()
    prices: str = ""


class Limits(Part):
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


class Replies(Part):
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


class WebhookSettings(Part):
    """One [webhooks.NAME]: a system of ours that is told what becomes of texts."""

    url: str
    secret: str | tuple[str, ...]
    events: tuple[str, ...] = Field(min_length=1)
    rules: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    numbers: bool = False
    texts: bool = False
    allow_private: bool = False


class RetentionSettings(Part):
    """How long each kind of data is kept ("30d", "12h"); "" keeps it for ever."""

    requests: str = "30d"
    texts: str = "180d"
    people: str = "365d"
    journal: str = "1095d"


class AuditSettings(Part):
    """How the journal is sealed: the key that makes the digests, and where each seal is written to as well."""

    seal_key: str = ""
    export_to: str = ""


class VerificationSettings(Part):
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


class TracingSettings(Part):
    """Where traces go; without an endpoint there are none."""

    endpoint: str = ""
    headers: Mapping[str, str] = {}
    share: float = Field(default=1.0, ge=0, le=1)


class OidcSettings(Part):
    """[console.oidc]: an identity provider that vouches for people (OpenID Connect)."""

    issuer: str
    client_id: str
    client_secret: str
    title: str = "your organisation"
    name_claim: str = "email"
    groups_claim: str = "groups"
    roles: Mapping[str, str] = {}


class ConsoleSettings(Part):
    """How people come in to the console."""

    require_totp: bool = False
    idle: str = "30m"
    longest: str = "12h"
    trusted_proxies: Words = ()
    public_status: bool = False
    oidc: OidcSettings | None = None
