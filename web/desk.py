"""What the pages need to know from the rest of the house, and nothing more."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from flask import current_app

from audit.refusals import Refusals
from audit.sessions import Lengths
from audit.store import Store
from dispatch.campaigning import Campaigns
from dispatch.prices import Prices
from dispatch.route import Mode
from gateways.base import Gateway
from inbound.sources import Source
from model.message import Message
from model.reasons import Problem
from model.verification import Policy
from rules.book import Book
from web.uploads import Uploads

KEY = "tidings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Editing:
    """What changing the rules needs besides: where the main file lies, and two things only the whole house can do.

    `advise` names what could be understood and would still go wrong; `follow` takes up what lies on disk, on behalf
    of a person, and tells whether it could be loaded.
    """

    path: Path
    advise: Callable[[Book], Sequence[Problem]]
    follow: Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """An identity provider that vouches for people (OpenID Connect).

    `name_claim` names a person; `roles` gives a role to each group of `groups_claim`. Without roles only people who
    were added before come in.
    """

    issuer: str
    client_id: str
    client_secret: str
    name_claim: str = "email"
    groups_claim: str = "groups"
    roles: Mapping[str, str] = field(default_factory=dict)
    title: str = "your organisation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrance:
    """How people come in: what the service listens on, what others call it, and whose word about addresses counts.

    With `public_status` anybody may read the service level.
    """

    host: str = "127.0.0.1"
    address: str = "http://127.0.0.1:8080"
    lengths: Lengths = field(default_factory=Lengths)
    require_totp: bool = False
    trusted_proxies: frozenset[str] = frozenset()
    public_status: bool = False
    provider: Provider | None = None

    @property
    def is_secure(self) -> bool:
        """Whether browsers reach us by https, so that cookies need never travel in the clear."""
        return self.address.startswith("https://")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One line of the page of settings: a part, a name, and its value in words; never a secret."""

    part: str
    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What the pages about sources, gateways and the service itself are made of.

    `address` is where others reach us, `per_second` the limits of gateways in segments, `order_of` the gateways a
    message may use, `missing` sentences about what is not set up.
    """

    sources: Mapping[str, Source] = field(default_factory=dict)
    gateways: Mapping[str, Gateway] = field(default_factory=dict)
    refusals: Refusals = field(default_factory=Refusals)
    address: str = "http://127.0.0.1:8080"
    per_second: Mapping[str, float] = field(default_factory=dict)
    order_of: Callable[[Message], Sequence[str]] = lambda _: ()
    prices: Prices = field(default_factory=Prices)
    settings: Sequence[Setting] = ()
    missing: Sequence[str] = ()
    is_stopping: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Rules and mode are asked for anew on each page, because they change while the service runs.

    `rules_lines` gives the lines of a rules file by the name a decision calls it, [] for a file that is gone;
    `notices` are warnings for the operator as whole sentences, such as a refused reload. Without `editing` the rules
    can be looked at and not changed; without `new_id` nobody can be answered; `on_queued` hears of a new text. Without
    `codes`, the limits on verification codes, none are sent here.
    """

    store: Store
    book: Callable[[], Book]
    mode: Callable[[], Mode]
    clock: Callable[[], datetime]
    rules_lines: Callable[[str], list[str]]
    notices: Callable[[], list[str]]
    editing: Editing | None = None
    new_id: Callable[[str], str] | None = None
    on_queued: Callable[[], None] = lambda: None
    entrance: Entrance = field(default_factory=Entrance)
    running: Running = field(default_factory=Running)
    campaigns: Campaigns | None = None
    codes: Policy | None = None
    uploads: Uploads = field(default_factory=Uploads)

    @property
    def region(self) -> str:
        """The country in which a number without + is looked for: the one the rules read such numbers by."""
        return next((rule.region for rule in self.book().rules if len(rule.region) == 2), "")


def desk() -> Desk:
    """Return what this application knows of the service."""
    found: Desk = current_app.extensions[KEY]
    return found
