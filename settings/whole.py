"""All of tidings.toml, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field

from model.message import Lane
from model.reasons import ConfigError
from model.verification import Policy, Rate
from settings.parts import (
    AuditSettings,
    ConsoleSettings,
    GatewaySettings,
    Limits,
    Part,
    Replies,
    RetentionSettings,
    Routes,
    SourceSettings,
    TracingSettings,
    VerificationSettings,
    WebhookSettings,
)
from settings.problems import problem
from settings.spans import duration, rate

if TYPE_CHECKING:
    from dispatch.prices import Prices
    from dispatch.roads import Roads
    from web.desk import Entrance

DEFAULT_FILE = "tidings.toml"
SERVER = ("postgresql://", "postgres://")
NO_RATE = Rate(most=0, within=timedelta(days=1))


class Settings(Part):
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
        return path if path.exists() or path.is_absolute() else Path(__file__).resolve().parents[1] / self.rules

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
        prices = prices_in(Path(self.routes.prices)) if self.routes.prices else Prices()
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
            raise ConfigError([problem(Path(DEFAULT_FILE), "This works on a file; the database is on a server.")])
        return Path(self.database.removeprefix("sqlite:///"))


def prices_in(path: Path) -> Prices:
    """Read a price table. Raises ConfigError with every mistake in it."""
    from dispatch.prices import read  # noqa: PLC0415 - only where there is a price table

    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError([problem(path, f"The price table cannot be read: {said}.")]) from None
    prices, problems = read(text, str(path))
    if problems:
        raise ConfigError(problems)
    return prices
