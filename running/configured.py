"""What tidings.toml asks for, made: sources, gateways, webhooks, and who is told what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import connectors
import gateways
from connectors.base import Connector
from dispatch.joining import Join
from dispatch.replying import Automatic
from dispatch.roads import Roads
from dispatch.route import CONSOLE
from dispatch.webhook import Webhook
from gateways.base import Gateway
from inbound.sources import Source
from model.reasons import ConfigError, Problem
from settings import DEFAULT_FILE, Settings, SourceSettings, duration
from web.desk import Setting
from web.metrics import our_version
from wire import tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """Everything that tidings.toml names, made and not started."""

    sources: dict[str, Source]
    gateways: dict[str, Gateway]
    webhooks: dict[str, Webhook]
    roads: Roads
    traces: tracing.Send | None


def everything(settings: Settings) -> Configured:
    """Make all of it. Raises ConfigError with what cannot be made."""
    return Configured(
        sources=sources_of(settings), gateways=gateways_of(settings), roads=settings.roads(),
        webhooks=webhooks_of(settings), traces=traces_of(settings),
    )  # fmt: skip


def shown(settings: Settings) -> list[Setting]:
    """Return what the page of settings shows; never a secret."""
    kept = [Setting(part="Kept for", name=name, value=time or "ever") for name, time in settings.retention]
    routed = [Setting(part="Routes", name="order", value=", ".join(settings.routes.order))]
    routed += [Setting(part="Routes", name="rows", value=str(len(settings.routes.when)))]
    told = [Setting(part="Webhooks", name=name, value=", ".join(one.events)) for name, one in settings.webhooks.items()]
    limits = [Setting(part="Limits", name=name, value=str(value)) for name, value in settings.limits]
    return [*kept, *routed, *limits, *told]


def missing(settings: Settings) -> list[str]:
    """Say what an operator may have forgotten."""
    said = {
        "No source is set up: nothing can come in but texts by hand.": not settings.sources,
        "No gateway is set up: texts are shown on the console only.": not settings.gateways,
        "public_url is not set: nobody outside of this machine knows how to reach us.": not settings.public_url,
        "No audit.seal_key is set: whoever can write to the database could make the seals anew.": (
            not settings.audit.seal_key
        ),
        "audit.export_to is not set: it would not show that the end of the record was cut off.": (
            not settings.audit.export_to
        ),
    }
    return [words for words, is_missing in said.items() if is_missing]


def sources_of(settings: Settings) -> dict[str, Source]:
    """Make every configured source. Raises ConfigError with every one that cannot be made."""
    problems: list[Problem] = []
    found = {}
    for name, wanted in settings.sources.items():
        try:
            found[name] = _source(name, wanted, settings)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return found


def _source(name: str, wanted: SourceSettings, settings: Settings) -> Source:
    secrets = (wanted.secret,) if isinstance(wanted.secret, str) else wanted.secret
    try:
        connector = _configured(connectors.load(wanted.connector), wanted.options)
    except KeyError:
        known = ", ".join(connectors.names())
        text = f"sources.{name}: there is no connector {wanted.connector!r}."
        raise ConfigError([_trouble(text, f"Known: {known}.")]) from None
    except ValueError as error:
        raise ConfigError([_trouble(f"sources.{name}: {error}")]) from None
    if connector.needs_secret and not any(secrets):
        raise ConfigError([_trouble(f"sources.{name}: secret is missing.", 'Write secret = "env:NAME".')])
    return Source(
        name=name, connector=connector, secrets=secrets, max_body=wanted.max_body or settings.limits.max_body,
        per_second=wanted.per_second, poll_every=duration(wanted.poll_every), subscribe=wanted.subscribe,
    )  # fmt: skip


def joins_of(settings: Settings) -> dict[str, Join]:
    """Say whose contacts are looked through for which source."""
    return {
        name: Join(source=wanted.contacts.from_, by=wanted.contacts.by)
        for name, wanted in settings.sources.items()
        if wanted.contacts
    }


def _configured(kind: type[Connector], options: Mapping[str, Any]) -> Connector:
    if lacks := connectors.unavailable(kind.name):
        raise ValueError(f"{kind.title} needs a library that is not installed: {lacks.install}.")
    unknown = sorted(set(options) - set(kind.options))
    if unknown:
        raise ValueError(
            f"{kind.name} has no setting {unknown[0]!r}; it knows {', '.join(sorted(kind.options)) or 'none'}."
        )
    return kind(options)


def gateways_of(settings: Settings) -> dict[str, Gateway]:
    """Make every configured gateway; `console` is always there."""
    problems: list[Problem] = []
    found: dict[str, Gateway] = {CONSOLE: gateways.build(CONSOLE, CONSOLE, {})}
    for name, wanted in settings.gateways.items():
        try:
            kind = gateways.load(wanted.kind)
        except KeyError:
            known = ", ".join(gateways.names())
            problems.append(_trouble(f"gateways.{name}: there is no kind {wanted.kind!r}.", f"Known: {known}."))
            continue
        problems += _mistakes(name, kind, wanted.options)
        if not problems:
            try:
                found[name] = gateways.build(wanted.kind, name, wanted.options)
            except ValueError as error:
                problems.append(_trouble(f"gateways.{name}: {error}"))
    if problems:
        raise ConfigError(problems)
    return found


def _mistakes(name: str, kind: type[Gateway], given: Mapping[str, Any]) -> list[Problem]:
    """Name the settings of a gateway that are missing, and the first that it does not have."""
    missing = [(option, is_) for option, is_ in kind.options.items() if is_.required and not given.get(option)]
    found = [_trouble(f"gateways.{name}: {option} is missing.", is_.text) for option, is_ in missing]
    unknown = sorted(set(given) - set(kind.options))
    return found + [_trouble(f"gateways.{name}: {kind.kind} has no setting {one!r}.") for one in unknown[:1]]


def automatic_of(settings: Settings) -> Automatic:
    """Say what is answered to stop, start and help."""
    said = settings.replies
    return Automatic(
        stop=said.confirm_stop, start=said.confirm_start, help=said.help,
        provider_answers=frozenset(said.provider_answers),
    )  # fmt: skip


def webhooks_of(settings: Settings) -> dict[str, Webhook]:
    """Make every configured webhook."""
    found = {
        name: Webhook(
            name=name, url=wanted.url, secrets=(wanted.secret,) if isinstance(wanted.secret, str) else wanted.secret,
            events=frozenset(wanted.events), rules=frozenset(wanted.rules), sources=frozenset(wanted.sources),
            allow_private=wanted.allow_private, numbers=wanted.numbers, texts=wanted.texts,
        )
        for name, wanted in settings.webhooks.items()
    }  # fmt: skip
    problems = [_trouble(f"webhooks.{name}: {fault}") for name, made in found.items() for fault in made.faults()]
    if problems:
        raise ConfigError(problems)
    return found


def traces_of(settings: Settings) -> tracing.Send | None:
    """Return what sends traces; None where no collector is named."""
    wanted = settings.tracing
    if not wanted.endpoint:
        return None
    if not wanted.endpoint.startswith(("http://", "https://")):
        raise ConfigError([_trouble("tracing.endpoint is no address; write http://127.0.0.1:4318/v1/traces.")])
    if not tracing.is_there():
        raise ConfigError([_trouble("tracing wants the extra otel.", "Run: pip install 'tidings[otel]'")])
    return tracing.sender(wanted.endpoint, wanted.headers, wanted.share, our_version())


def _trouble(text: str, hint: str = "") -> Problem:
    return Problem(path=DEFAULT_FILE, line=1, column=1, text=text, hint=hint)
