"""Webhook subscriptions kept as a REST collection: listed, made, switched on again and removed in the usual way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import AskFailed, Hook, Http, Made, Wish
from connectors.kit import ask
from wire import reading
from wire.http import Call

FINE = (200, 201, 202, 204)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestHooks:
    """The subscriptions of one system (connectors.base.Subscriptions).

    `base` and `place` are where they are, `ending` what the system wants after a path; `headers` or `auth` prove who
    asks. `listed` and `made` say where in an answer the list, or the new one, is. `revive` gives the method and body
    that switch one on again; without it, it is removed and made again. `secret` is the path in the answer of a secret
    that the system makes itself.
    """

    system: str
    topics: Sequence[str]
    base: str
    place: str
    hook: Callable[[Mapping[str, Any]], Hook]
    new: Callable[[Wish], Any]
    listed: str = ""
    made: str = ""
    query: str = ""
    removal: str = ""
    ending: str = ""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    auth: tuple[str, str] | None = field(default=None, repr=False)
    as_form: bool = False
    revive: Callable[[Hook], tuple[str, Any]] | None = None
    at_once: bool = False
    secret: str = ""

    @property
    def gives_secret(self) -> bool:
        """Tell whether the system makes the secret of each."""
        return bool(self.secret)

    def hooks(self, http: Http) -> Sequence[Hook]:
        """Read the first page of them. Raises AskFailed."""
        found = self._send(http, "GET", self.place, None, self.query)
        listed = reading.items(found, self.listed) if self.listed else found
        if not isinstance(listed, list):
            raise AskFailed(f"{self.system}'s answer cannot be read.")
        return [self.hook(one) for one in listed if isinstance(one, dict)]

    def subscribe(self, wish: Wish, http: Http) -> Made:
        """Make one. Raises AskFailed."""
        answer = self._send(http, "POST", self.place, self.new(wish))
        found = reading.dig(answer, self.made) if self.made else answer
        if not isinstance(found, dict):
            raise AskFailed(f"{self.system}'s answer cannot be read.")
        return Made(hook=self.hook(found), secret=reading.text(answer, self.secret) if self.secret else "")

    def renew(self, hook: Hook, wish: Wish, http: Http) -> None:
        """Switch one on again. Raises AskFailed."""
        if self.revive is not None:
            method, body = self.revive(hook)
            self._send(http, method, self._one(hook), body)
        elif self.gives_secret:
            raise AskFailed(f"{self.system} cannot switch one on again.", permanent=True)
        else:
            self.unsubscribe(hook, http)
            self.subscribe(wish, http)

    def unsubscribe(self, hook: Hook, http: Http) -> None:
        """Remove one; that it is gone already is fine. Raises AskFailed."""
        try:
            self._send(http, "DELETE", self._one(hook), None, self.removal)
        except AskFailed as failure:
            if not failure.gone:
                raise

    def _one(self, hook: Hook) -> str:
        return f"{self.place}/{ask.part(hook.id)}"

    def _send(self, http: Http, method: str, path: str, body: Any, query: str = "") -> Any:
        call = Call(
            method=method,
            url=f"{self.base}{path}{self.ending}{query}",
            headers=self.headers,
            auth=self.auth,
            **{"form" if self.as_form else "json": body},
        )
        return ask.for_json(http, call, self.system, fine=FINE)
