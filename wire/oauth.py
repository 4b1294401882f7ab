"""An access token for somebody's API (RFC 6749): asked for at the first call, and once again when it is refused.

The token is held in memory until the API says 401; so nobody has to know how long it lasts. Some systems replace the
refresh token whenever it is used, and then the one in the settings is worthless after a restart: `token_file` keeps
the newest, readable by the service alone.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import urlsplit

from wire import reading
from wire.http import Call, NotSent, Reply

SETTINGS = ("token_url", "client_id", "client_secret", "scope", "refresh_token", "token_file")


class Sender(Protocol):
    """Whatever sends one request once."""

    def send(self, call: Call) -> Reply:
        """Send it. Raises wire.http's NotSent, Unclear or Forbidden."""


@dataclass(slots=True, kw_only=True)
class Session:
    """How one application signs in: by its own key, or by a refresh token somebody granted it.

    `word` goes before the token in every request; `key_in_form` is for systems that do not take the application's key
    as RFC 6749 prefers it, in the header.
    """

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    refresh_token: str = field(default="", repr=False)
    token_file: str = ""
    word: str = "Bearer"
    key_in_form: bool = False
    _token: str = field(default="", repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Self:
        """Build one from a source's options; those a connector does not have are empty."""
        named = {name: str(settings.get(name, "")) for name in SETTINGS}
        return cls(
            token_url=named["token_url"],
            client_id=named["client_id"],
            client_secret=named["client_secret"],
            scope=named["scope"],
            refresh_token=named["refresh_token"],
            token_file=named["token_file"],
        )

    def over(self, http: Sender) -> Signed:
        """Return `http` with the token in every request."""
        return Signed(session=self, http=http)

    def token(self, http: Sender, refused: str = "") -> str:
        """Return a token other than the `refused` one. Raises NotSent when none is given.

        One thread asks and the others wait: a second use of the same refresh token would end the session.
        """
        with self._lock:
            if not self._token or self._token == refused:
                self._token = self._granted(http)
            return self._token

    def _granted(self, http: Sender) -> str:
        kept = self._kept()
        form = {"grant_type": "refresh_token", "refresh_token": kept} if kept else {"grant_type": "client_credentials"}
        if self.scope:
            form["scope"] = self.scope
        if self.key_in_form:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        reply = http.send(
            Call(
                method="POST",
                url=self.token_url,
                headers={"Accept": "application/json"},
                form=form,
                auth=None if self.key_in_form else (self.client_id, self.client_secret),
            )
        )
        given = reply.json() if reply.status == 200 else None
        token = given.get("access_token") if isinstance(given, dict) else None  # longer than `reading` lets a text be
        if not isinstance(token, str) or not token:
            host = urlsplit(self.token_url).hostname
            raise NotSent(f"{host} gave no access token ({reply.status}); check the keys of this source")
        self._keep(reading.text(given, "refresh_token"), kept)
        return token

    def _kept(self) -> str:
        """Return the newest refresh token. The file is tried before the token is used up, not after."""
        if not self.token_file:
            return self.refresh_token
        try:
            path = Path(self.token_file)
            path.touch(mode=0o600)
            return path.read_text("utf-8").strip() or self.refresh_token
        except (OSError, ValueError) as error:
            raise NotSent(f"The token file cannot be used: {type(error).__name__}") from None

    def _keep(self, newest: str, before: str) -> None:
        if not newest or not before or newest == before:
            return
        self.refresh_token = newest
        if self.token_file:
            beside = Path(f"{self.token_file}.new")
            try:
                beside.touch(mode=0o600)
                beside.write_text(newest, "utf-8")
                beside.replace(self.token_file)
            except OSError as error:
                raise NotSent(f"The token file cannot be written: {type(error).__name__}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """An http that signs in by itself."""

    session: Session
    http: Sender

    def send(self, call: Call) -> Reply:
        """Send one request, and once more with a new token when the old one is refused."""
        token = self.session.token(self.http)
        reply = self.http.send(self._signed(call, token))
        if reply.status != 401:
            return reply
        return self.http.send(self._signed(call, self.session.token(self.http, token)))

    def _signed(self, call: Call, token: str) -> Call:
        return replace(call, headers={**call.headers, "Authorization": f"{self.session.word} {token}"})
