"""Why was this request refused? Tried over again with what usually is wrong: clock, address, secret, body.

A signature says yes or no and nothing else. So whatever makes the no a yes is the answer, and it is told in a sentence
without a secret in it. Nothing here lets a request in.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from audit import last_refused
from audit.store import Store, StoreDown
from connectors.base import Connector
from inbound.sources import Source
from model.event import Incoming
from model.reasons import Reason, Refused
from wire.signatures import Token

log = logging.getLogger("tidings.inbound")
SIGNING = re.compile(r"sign|hmac|token|auth|secret|webhook-id|digest")
TIMED = re.compile(r"(?<![0-9])1[0-9]{9}(?:[0-9]{3})?(?![0-9])")
"""Epoch seconds or milliseconds of this century's first half."""

ABOUT_PROOF = {Reason.BAD_SIGNATURE, Reason.NO_SIGNATURE, Reason.STALE_SIGNATURE}
LOOK_EVERY = timedelta(seconds=10)
"""How often at most a refused request of one source is looked into: a flood of forgeries costs nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Try:
    """The same request with one thing otherwise, and what it would mean if that made it genuine."""

    means: str
    incoming: Incoming
    secrets: Sequence[str]
    now: datetime


@dataclass(slots=True)
class Diagnosing:
    """Remembers the newest refused request of each source, with what was found out about it."""

    _looked_at: dict[str, datetime] = field(default_factory=dict)

    def note(self, store: Store, source: Source, incoming: Incoming, refusal: Refused, now: datetime) -> None:
        """Look into a refused request and write it down, without making its sender wait. Never raises."""
        before = self._looked_at.get(source.name)
        if before is not None and now - before < LOOK_EVERY:
            return
        self._looked_at[source.name] = now
        try:
            findings = diagnose(source, incoming, now) if refusal.reason in ABOUT_PROOF else (refusal.reason.text,)
            seen = last_refused.described(incoming, refusal, findings, now)
            store.submit(lambda tx: last_refused.keep(tx, seen))
        except StoreDown:
            return
        except Exception:
            log.exception("refused request not explained", extra={"source": source.name})


def diagnose(source: Source, incoming: Incoming, now: datetime) -> tuple[str, ...]:
    """Say what is wrong with a request, or that it is genuine and by which secret."""
    refusal = _refusal(source.connector, incoming, source.secrets, now)
    if refusal is None:
        return (_genuine(source, incoming, now),)
    said = [f"{refusal.reason.text} {refusal.detail}".strip()]
    if refusal.reason is Reason.NO_SIGNATURE:
        return (*said, *_unsigned(incoming))
    found = next((one.means for one in _tries(source, incoming, now) if _passes(source, one)), "")
    return (*said, found or _nothing(source, incoming))


def _genuine(source: Source, incoming: Incoming, now: datetime) -> str:
    fits = [
        number
        for number, secret in enumerate(source.secrets, 1)
        if _refusal(source.connector, incoming, (secret,), now) is None
    ]
    which = f" by secret {fits[0]} of {len(source.secrets)}" if fits and len(source.secrets) > 1 else ""
    return f"It is genuine{which}: it would be taken now."


def _unsigned(incoming: Incoming) -> Iterator[str]:
    """Say what there is instead of the proof that is missing."""
    near = [name for name in sorted(incoming.headers) if SIGNING.search(name)]
    if near:
        yield f"It came with {', '.join(near)}: is this source set up for another kind of sender, or another scheme?"
    else:
        yield "No header looks like a signature: is a secret set on the sender's side, does a proxy remove headers?"


def _nothing(source: Source, incoming: Incoming) -> str:
    if isinstance(getattr(source.connector, "scheme", None), Token):
        return "What it shows is not the secret of this source: the sender has another one, or an older one."
    many = f"any of the {len(source.secrets)} secrets" if len(source.secrets) > 1 else "the secret"
    return (
        f"It does not fit {many}, whatever clock, address or spelling of the body is assumed ({incoming.url} was). "
        "Most likely the sender has another secret, or something on the way changed the body."
    )


def _tries(source: Source, incoming: Incoming, now: datetime) -> Iterator[Try]:
    same = Try(means="", incoming=incoming, secrets=source.secrets, now=now)
    yield from _other_clocks(same)
    yield from _other_secrets(same)
    yield from _other_addresses(same)
    yield from _other_bodies(same)


def _other_clocks(same: Try) -> Iterator[Try]:
    stamps = {stamp for value in same.incoming.headers.values() for stamp in TIMED.findall(value[:500])}
    for stamp in sorted(stamps)[:4]:
        then = datetime.fromtimestamp(int(stamp[:10]), tz=UTC)
        apart = int((same.now - then).total_seconds())
        way = "behind" if apart > 0 else "ahead of"
        means = (
            f"The signature is right, the time in it is not: it is {abs(apart)} s {way} our clock. "
            "Set both clocks by NTP; a request that a proxy held back for so long looks the same."
        )
        yield replace(same, means=means, now=then)


def _other_secrets(same: Try) -> Iterator[Try]:
    bare = [secret.strip().strip("\"'").strip() for secret in same.secrets]
    if bare != list(same.secrets):
        yield replace(same, secrets=bare, means="The secret has spaces, a line break or quotes around it: remove them.")
    padded = [secret + "\n" for secret in same.secrets]
    yield replace(same, secrets=padded, means="The sender's secret ends with a line break: set it there again.")


def _other_addresses(same: Try) -> Iterator[Try]:
    for url in dict.fromkeys(_addresses(same.incoming)):
        if url != same.incoming.url:
            shown, used = url.partition("?")[0], same.incoming.url.partition("?")[0]
            means = f"It was signed for {shown}, and we checked {used}: set public_url so that they are the same."
            yield replace(same, incoming=replace(same.incoming, url=url), means=means)


def _addresses(incoming: Incoming) -> Iterator[str]:
    parts = urlsplit(incoming.url)
    hosts = [incoming.header(name) for name in ("x-forwarded-host", "host") if incoming.header(name)] + [parts.netloc]
    query = "&".join(f"{name}={value}" for name, value in incoming.query.items())
    for host in hosts:
        for scheme in ("https", "http"):
            plain = f"{scheme}://{host}{parts.path}"
            yield from (plain, f"{plain}/", f"{plain}?{query}" if query else plain)


def _other_bodies(same: Try) -> Iterator[Try]:
    body = same.incoming.body
    changed = {
        "without the line break at its end": body.rstrip(b"\r\n"),
        "with a line break at its end": body + b"\n",
        "with line breaks as \\n": body.replace(b"\r\n", b"\n"),
        "with line breaks as \\r\\n": body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"),
        "without a byte order mark": body.removeprefix(b"\xef\xbb\xbf"),
        **_written_again(body),
    }
    for how, other in changed.items():
        if other != body:
            means = f"The signature fits the body {how}: something on the way (a proxy, a filter) changes it."
            yield replace(same, incoming=replace(same.incoming, body=other), means=means)


def _written_again(body: bytes) -> dict[str, bytes]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return {
        "as compact JSON": json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace"),
        "as compact JSON in ASCII": json.dumps(value, separators=(",", ":")).encode(),
        "as JSON with spaces": json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"),
    }


def _passes(source: Source, one: Try) -> bool:
    return _refusal(source.connector, one.incoming, one.secrets, one.now) is None


def _refusal(connector: Connector, incoming: Incoming, secrets: Sequence[str], now: datetime) -> Refused | None:
    try:
        connector.verify(incoming, secrets, now)
    except Refused as refusal:
        return refusal
    except Exception as error:  # noqa: BLE001 - the door takes this for a bad signature, too
        return Refused(Reason.BAD_SIGNATURE, f"The connector failed with {type(error).__name__}.")
    return None
