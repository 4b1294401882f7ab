"""Asking a system something over HTTP: every way it can go wrong becomes one AskFailed with a sentence in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

from connectors.base import AskFailed, Http
from model.reasons import Refused
from wire import reading
from wire.http import Call, Forbidden, NotSent, Reply, Unclear

TEMPORARY = frozenset({401, 403, 408, 409, 423, 425, 429})
"""Statuses of the 400s after which asking again can help: a key is repaired, a limit passes, a lock is lifted."""
LONGEST_WAIT = timedelta(hours=24)


def send(http: Http, call: Call, system: str, *, fine: Sequence[int] = (200,)) -> Reply:
    """Send one request; return the answer when its status is one of `fine`.

    Raises AskFailed, `gone` for 404 and 410, `permanent` where the same question can never be answered.
    """
    try:
        reply = http.send(call)
    except (NotSent, Unclear, Forbidden) as error:
        raise AskFailed(str(error), permanent=isinstance(error, Forbidden)) from error
    if reply.status in fine:
        return reply
    permanent = 400 <= reply.status < 500 and reply.status not in TEMPORARY
    raise AskFailed(
        f"{system} answered {reply.status}.",
        permanent=permanent,
        gone=reply.status in {404, 410},
        retry_after=_wait(reply),
    )


def for_json(http: Http, call: Call, system: str, *, fine: Sequence[int] = (200,)) -> Any:
    """Send one request and read the JSON of its answer; None for an answer without a body (204)."""
    reply = send(http, call, system, fine=fine)
    if not reply.body:
        return None
    try:
        return reading.json_body(reply.body)
    except Refused as refusal:
        raise AskFailed(f"{system}'s answer cannot be read.") from refusal


def for_object(http: Http, call: Call, system: str, *, fine: Sequence[int] = (200,)) -> dict[str, Any]:
    """Send one request whose answer is a JSON object."""
    found = for_json(http, call, system, fine=fine)
    if not isinstance(found, dict):
        raise AskFailed(f"{system}'s answer cannot be read.")
    return found


def if_there(fetch: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `fetch` finds, {} where that is gone: a text may be about a record whose person is not there."""
    try:
        return fetch()
    except AskFailed as failure:
        if failure.gone:
            return {}
        raise


def needs(settings: Any, *names: str) -> None:
    """Refuse to ask while a setting is empty, naming what is missing."""
    missing = [name for name in names if not settings[name]]
    if missing:
        raise AskFailed(f"No {' and '.join(missing)} set for this source.", permanent=True)


def part(text: str) -> str:
    """Return a foreign text as one part of a path: it can lead nowhere else."""
    return quote(text, safe="", errors="replace")


@dataclass(slots=True)
class Bearer:
    """Asking with a token that is got in a way of the system's own (a signed JWT), and kept until it is not taken.

    `request` builds the call for a token. Plain client credentials and refresh tokens are wire.oauth's.
    """

    system: str
    request: Callable[[], Call]
    token: str = field(default="", repr=False)

    def send(self, http: Http, call: Call, *, fine: Sequence[int] = (200,)) -> Reply:
        """Send one request with the token; after a 401 once again with a new one. Raises AskFailed."""
        is_used = bool(self.token)
        self.token = self.token or self._new(http)
        proved = replace(call, headers={**call.headers, "Authorization": f"Bearer {self.token}"})
        reply = send(http, proved, self.system, fine=(*fine, 401) if is_used else fine)
        if reply.status != 401 or not is_used:
            return reply
        self.token = ""
        return self.send(http, call, fine=fine)

    def for_object(self, http: Http, call: Call, *, fine: Sequence[int] = (200,)) -> dict[str, Any]:
        """Send one request whose answer is a JSON object."""
        found = self.send(http, call, fine=fine).json()
        if not isinstance(found, dict):
            raise AskFailed(f"{self.system}'s answer cannot be read.")
        return found

    def _new(self, http: Http) -> str:
        token = for_object(http, self.request(), self.system).get("access_token")  # longer than a text may be
        if not isinstance(token, str) or not token or not token.isascii() or not token.isprintable():
            raise AskFailed(f"{self.system} gave no access token.")
        return token


def kept(fresh: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return fresh data, and where they are empty what was known before: a phone that was looked up, for instance."""
    data = dict(known)
    for name, value in fresh.items():
        before = known.get(name)
        if isinstance(value, Mapping) and isinstance(before, Mapping):
            data[name] = kept(value, before)
        elif name not in known or value not in ("", None):
            data[name] = value
    return data


def _wait(reply: Reply) -> timedelta | None:
    value = reply.headers.get("retry-after", "")
    if reply.status not in {429, 503} or not value.isdecimal() or len(value) > 8:
        return None
    return min(timedelta(seconds=int(value)), LONGEST_WAIT)
