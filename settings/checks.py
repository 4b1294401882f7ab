"""What the shape of the file cannot say: names that must be there, texts that must be lengths of time."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from ipaddress import ip_address
from itertools import chain
from pathlib import Path

from model.access import ROLES
from model.reasons import ConfigError, Problem
from model.telling import TELLINGS
from settings.parts import ConsoleSettings, Limits, OidcSettings, VerificationSettings
from settings.problems import problem
from settings.spans import duration, rate
from settings.whole import SERVER, Settings

SHORTEST_PEPPER = 32


def check(settings: Settings, path: Path) -> list[Problem]:
    """Return every mistake in settings that have the right shape."""
    found = (
        _check_names(settings, path), _check_roads(settings, path), _check_times(settings, path),
        _check_codes(settings.verifications, path), _check_caps(settings.limits, path), _check_mode(settings, path),
        _check_database(settings, path), _check_console(settings.console, path),
        *(_check_webhook(settings, name, path) for name in settings.webhooks),
    )  # fmt: skip
    return list(chain.from_iterable(found))


def _gateways(settings: Settings) -> set[str]:
    return {"console", *settings.gateways}


def _check_names(settings: Settings, path: Path) -> Iterator[Problem]:
    known = _gateways(settings)
    said = {"routes.order": settings.routes.order, "replies.provider_answers": settings.replies.provider_answers}
    for key, names in said.items():
        for name in names:
            if name not in known:
                yield problem(path, f"{key} names the gateway {name!r}, which is not there.", name, known)


def _check_times(settings: Settings, path: Path) -> Iterator[Problem]:
    for kind, time in settings.retention.model_dump().items():
        if time and duration(time) is None:
            yield problem(path, f'retention.{kind} is {time!r}, and should be like "30d" or "12h", or "" for ever.')
    for name in ("receipt_within", "receipt_within_otp"):
        if duration(getattr(settings.limits, name)) is None:
            yield problem(path, f"limits.{name} is a length of time such as 72h or 15m.")


def _check_mode(settings: Settings, path: Path) -> Iterator[Problem]:
    if settings.mode == "redirect" and not settings.redirect_to:
        yield problem(path, "mode is redirect and redirect_to is missing.")


def _check_caps(limits: Limits, path: Path) -> Iterator[Problem]:
    if limits.marketing_per_person and rate(limits.marketing_per_person) is None:
        said = f'limits.marketing_per_person is {limits.marketing_per_person!r}, and should be like "3/7d".'
        yield problem(path, said)
    for country in limits.texts_per_country:
        if country != "*" and not (len(country) == 2 and country.isalpha() and country.isupper()):
            yield problem(path, f"limits.texts_per_country names {country!r}; write DE, or * for all other countries.")
    for currency in limits.spend_per_day:
        if not (len(currency) == 3 and currency.isalpha() and currency.isupper()):
            yield problem(path, f"limits.spend_per_day names {currency!r}; write three letters such as EUR.")


def _check_database(settings: Settings, path: Path) -> Iterator[Problem]:
    if not settings.database.startswith(("sqlite:///", *SERVER)):
        kind = settings.database.split(":")[0]
        yield problem(path, f"database must start with sqlite:/// or postgresql://, not {kind!r}.")
    elif settings.has_server and not find_spec("psycopg"):
        yield problem(path, "database is a PostgreSQL server, which needs a library: pip install 'tidings[postgres]'.")
    elif settings.database_password and not settings.has_server:
        yield problem(path, "database_password is for a server; a SQLite file has none.")


def _check_console(console: ConsoleSettings, path: Path) -> Iterator[Problem]:
    for name in ("idle", "longest"):
        if not duration(getattr(console, name)):
            yield problem(path, f"console.{name} is a length of time such as 30m or 12h.")
    for proxy in console.trusted_proxies:
        try:
            ip_address(proxy)
        except ValueError:
            yield problem(path, f"console.trusted_proxies names {proxy!r}, which is no IP address.")
    if console.oidc is not None:
        yield from _check_provider(console.oidc, path)


def _check_provider(provider: OidcSettings, path: Path) -> Iterator[Problem]:
    if not provider.issuer.startswith(("https://", "http://127.0.0.1:", "http://localhost:")):
        yield problem(path, "console.oidc.issuer has to begin with https://.")
    if find_spec("jwt") is None:
        yield problem(path, "console.oidc needs a library: pip install 'tidings[oidc]'.")
    for group, role in provider.roles.items():
        if role not in ROLES:
            text = f"console.oidc.roles gives the group {group!r} the role {role!r}, which is none."
            yield problem(path, text, role, ROLES)


def _check_webhook(settings: Settings, name: str, path: Path) -> Iterator[Problem]:
    webhook, sources = settings.webhooks[name], {"manual", *settings.sources}
    for event in webhook.events:
        if event not in TELLINGS:
            yield problem(path, f"webhooks.{name}.events names {event!r}, which is no event.", event, TELLINGS)
    for source in webhook.sources:
        if source not in sources:
            text = f"webhooks.{name}.sources names the source {source!r}, which is not there."
            yield problem(path, text, source, sources)


def _check_codes(wanted: VerificationSettings, path: Path) -> Iterator[Problem]:
    for name in ("per_number", "wrong", "per_address", "per_prefix", "per_country", "abroad"):
        if rate(getattr(wanted, name)) is None:
            yield problem(path, f'verifications.{name} is {getattr(wanted, name)!r}, and should be like "5/1h".')
    for name in ("lifetime", "cooldown"):
        if duration(getattr(wanted, name)) is None:
            yield problem(path, f'verifications.{name} is {getattr(wanted, name)!r}, and should be like "10m".')
    if wanted.words == 1:
        yield problem(path, "verifications.words is 1: one word is guessed too easily; write 2, 3 or 4.")
    if wanted.pepper and len(wanted.pepper) < SHORTEST_PEPPER:
        yield problem(path, f"verifications.pepper is shorter than {SHORTEST_PEPPER} characters; make it random.")
    if wanted.pepper and not wanted.home:
        yield problem(path, 'verifications.home is missing: the countries your customers are from, such as ["DE"].')


def _check_roads(settings: Settings, path: Path) -> list[Problem]:
    if not settings.routes.when and not settings.routes.prices:
        return []
    from dispatch.roads import faults  # noqa: PLC0415 - phone number tables, and most settings have no such rows

    try:
        roads = settings.roads()
    except ConfigError as error:
        return error.problems
    return [
        problem(path, f"routes.when[{fault.row}] {fault.text}.", fault.word, fault.known)
        for fault in faults(roads, sorted(_gateways(settings)))
    ]
