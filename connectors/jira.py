"""Jira Service Management (Cloud): requests opened, worked on, answered and resolved; webhooks, and a poll beside them.

Facts: developer.atlassian.com "Webhooks" (Cloud), NangoHQ/nango (signature) and the v3 reference of search/jql, read
2026-11. Jira has no phone of a customer and hides mail addresses: the number has to be in a field of the request.
Not confirmed: `jsdPublic` and `accountType` of comments, which tell an answer to the customer from a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

from connectors.base import AskFailed, Connector, Http, Option, Page
from connectors.kit import ask
from connectors.kit.scan import Listing, Sight, Window, scan
from connectors.kit.stamps import Stamps
from model.event import Event, Incoming
from wire import reading
from wire.http import Call
from wire.signatures import Hmac

STAMP = Stamps("%Y-%m-%dT%H:%M:%S.%f")
OVERLAP = timedelta(minutes=3)
SIZE = 100
BASELINE_DAYS = 30
FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,79}")
CREATED, UPDATED, COMMENTED = "jira:issue_created", "jira:issue_updated", "comment_created"

# Every status of any project belongs to one of three categories; a status of the first is where an issue begins.
CATEGORIES = {"new": "ticket.updated", "indeterminate": "ticket.updated", "done": "ticket.resolved"}
# what makes a text about an event wrong: the category of its status by now
OVERTAKEN = {
    "ticket.created": {"done"},
    "ticket.updated": {"done"},
    "ticket.resolved": {"new", "indeterminate"},
    "custom.ticket.answered": {"done"},
}
COLUMNS = ("summary", "status", "priority", "issuetype", "project", "labels", "created", "updated", "reporter")

FIELDS = {
    "id": ("text", "The issue's id."),
    "number": ("text", "The key the customer knows, such as HELP-12."),
    "subject": ("text", "Its summary."),
    "status": ("text", "The status as the project calls it."),
    "status_category": ("text", "new, indeterminate or done."),
    "priority": ("text", "The priority's name."),
    "type": ("text", "The issue type's name."),
    "project": ("text", "The project's key."),
    "tags": ("list", "The labels."),
    "customer.id": ("text", "The reporter's account id."),
    "customer.name": ("text", "The reporter's name."),
    "customer.first_name": ("text", "The first word of it."),
    "customer.email": ("text", "Mail address, where the reporter shows it."),
    "customer.phone": ("phone", "The number in the field named by the option phone_fields."),
    "customer.tz": ("text", "The reporter's time zone, IANA name."),
}


class Jira(Connector):
    """One Jira Cloud site."""

    name = "jira"
    title = "Jira Service Management"
    category = "service desk"
    docs_url = "https://developer.atlassian.com/cloud/jira/platform/webhooks/"
    scheme = Hmac(header="x-hub-signature", prefix="sha256=")
    event_types: ClassVar[Mapping[str, str]] = {
        "ticket.created": "jira:issue_created",
        "ticket.updated": "jira:issue_updated with a new status that is not of the category done, once per status",
        "ticket.resolved": "jira:issue_updated with a new status of the category done",
        "custom.ticket.answered": "comment_created, public and not by the customer",
    }
    fields: ClassVar[Mapping[str, Mapping[str, tuple[str, str]]]] = dict.fromkeys(event_types, FIELDS)
    options: ClassVar[Mapping[str, Option]] = {
        "phone_fields": Option(text="Fields that hold the number, best first, such as customfield_10050.", default=()),
        "project": Option(text="Key of the project; others are left out. Empty takes all.", default=""),
        "url": Option(text="Poll: the site, such as https://acme.atlassian.net.", default=""),
        "email": Option(text="Poll: a user's mail address.", default=""),
        "api_token": Option(text="Poll: an API token of that user.", default="", secret=True),
    }
    asks: ClassVar[Sequence[str]] = ("url",)
    setup: ClassVar[Sequence[str]] = (
        "In Jira add a field for the phone to the request type; its id is in the address of the field's page.",
        "Set `phone_fields` to it, such as customfield_10050.",
        "As an administrator open System > WebHooks, add the address of this source and the secret.",
        "Choose Issue created, Issue updated and Comment created; limit it to the project by JQL.",
        "Set `url`, `email` and `api_token` for the poll and for asking again.",
    )
    limits: ClassVar[Sequence[str]] = (
        "Without `phone_fields` no event leads to a text.",
        "An issue that reaches the same status again is told once.",
        "Jira tries five times, then leaves a delivery out: let the poll run beside it.",
        "Only webhooks that an administrator makes are signed; those of apps are refused.",
        "Jira Data Center has another search: there only the webhooks work.",
    )
    poll_every: ClassVar[str] = "3m"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        for name in (*self.settings["phone_fields"], *filter(None, [self.settings["project"]])):
            if not FIELD.fullmatch(str(name)):
                raise ValueError(f"Setting phone_fields or project: {name!r} is no id of Jira.")

    def parse(self, incoming: Incoming) -> list[Event]:
        """One delivery is one event; edits that leave the status give none."""
        body = reading.json_object(incoming.body)
        native, issue = reading.required(body, "webhookEvent"), reading.dig(body, "issue")
        if native not in {CREATED, UPDATED, COMMENTED} or not self._is_ours(issue):
            return []
        reading.required(issue, "id")
        tag, event_type = self._told(native, body, issue)
        if not event_type:
            return []
        at = reading.moment(reading.dig(body, "timestamp"), milliseconds=True)
        return [self._event(incoming.source, native, issue, at or incoming.received_at, tag, event_type)]

    def refresh(self, event: Event, http: Http) -> Event:
        """Fetch the issue again; a text about what is done, or open again, would be wrong."""
        issue = self._get(http, f"issue/{ask.part(event.key)}", {"fields": self._columns})
        data = self._data(issue)
        if data["status_category"] in OVERTAKEN.get(event.type, set()):
            raise AskFailed(f"In Jira its status is {data['status']} by now.", gone=True)
        return replace(event, data=data)

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read one page of changed issues and tell the new ones and the new statuses."""

        def news(sight: Sight) -> Iterator[Event]:
            tag, event_type = _reached(sight.record)
            if sight.is_new:
                yield self._event(self.name, "issue", sight.record, now, "created", "ticket.created")
            if event_type and not (sight.is_new and event_type == "ticket.updated"):
                yield self._event(self.name, "issue", sight.record, now, tag, event_type)

        listing = Listing(
            read=lambda window: self._changed(http, window, now),
            identity=lambda issue: reading.text(issue, "id"),
            changed=_stamp,
            created=lambda issue: _stamp(issue, "created"),
            standing=lambda issue: reading.text(issue, "fields.status.id"),
            news=news,
            back=lambda stamp: STAMP.back(stamp, OVERLAP),
            start=STAMP.earliest,
        )
        return scan(listing, cursor)

    def _told(self, native: str, body: Mapping[str, Any], issue: Any) -> tuple[str, str]:
        """Return what a delivery tells: the word that names the event, and our type ("" for nothing)."""
        if native == CREATED:
            return "created", "ticket.created"
        if native == UPDATED:
            changes = reading.items(body, "changelog.items")
            moved = any(reading.first_text(one, "fieldId", "field") == "status" for one in changes)
            return _reached(issue) if moved else ("", "")
        comment = reading.dig(body, "comment")
        author = reading.text(comment, "author.accountId")
        by_customer = author in {"", reading.text(issue, "fields.reporter.accountId")}
        is_answer = reading.flag(comment, "jsdPublic") and not by_customer
        is_answer = is_answer and reading.text(comment, "author.accountType") != "customer"
        return f"comment-{reading.text(comment, 'id')}", "custom.ticket.answered" if is_answer else ""

    def _event(self, source: str, native: str, issue: Any, at: datetime, tag: str, event_type: str) -> Event:
        key = reading.text(issue, "id")
        polled_at = reading.moment(reading.dig(issue, "fields.updated")) if native == "issue" else None
        return Event(
            source=source,
            type=event_type,
            native_type=native,
            id=f"issue/{key}/{tag}",
            key=key,
            occurred_at=polled_at or at,
            version=_stamp(issue),
            data=self._data(issue),
            raw=issue if native == "issue" else None,
        )

    def _is_ours(self, issue: Any) -> bool:
        return self.settings["project"] in {"", reading.text(issue, "fields.project.key")}

    def _data(self, issue: Any) -> dict[str, Any]:
        fields = reading.dig(issue, "fields")
        name = reading.text(fields, "reporter.displayName")
        return {
            "id": reading.text(issue, "id"),
            "number": reading.text(issue, "key"),
            "subject": reading.text(fields, "summary"),
            "status": reading.text(fields, "status.name"),
            "status_category": reading.text(fields, "status.statusCategory.key"),
            "priority": reading.text(fields, "priority.name"),
            "type": reading.text(fields, "issuetype.name"),
            "project": reading.text(fields, "project.key"),
            "tags": [reading.text(label) for label in reading.items(fields, "labels")],
            "customer": {
                "id": reading.text(fields, "reporter.accountId"),
                "name": name,
                "first_name": name.partition(" ")[0],
                "email": reading.text(fields, "reporter.emailAddress"),
                "phone": reading.first_text(fields, *map(str, self.settings["phone_fields"])),
                "tz": reading.text(fields, "reporter.timeZone"),
            },
        }

    @property
    def _columns(self) -> str:
        return ",".join([*COLUMNS, *map(str, self.settings["phone_fields"])])

    def _changed(self, http: Http, window: Window, now: datetime) -> tuple[list[dict[str, Any]], str]:
        """Read one page. Times in JQL are in the zone of the user who asks, so how long ago it was is said instead."""
        ago, way = f"-{BASELINE_DAYS}d", "DESC"
        if window.since is not None:
            minutes = int(max(now - STAMP.read(window.since), timedelta()) / timedelta(minutes=1)) + 2
            ago, way = f"-{minutes}m", "ASC"
        project = f"project = {self.settings['project']} AND " if self.settings["project"] else ""
        jql = f'{project}updated >= "{ago}" ORDER BY updated {way}'
        page = {"nextPageToken": window.place} if window.place else {}
        found = self._get(http, "search/jql", {"jql": jql, "fields": self._columns, "maxResults": str(SIZE), **page})
        issues = [issue for issue in reading.items(found, "issues") if isinstance(issue, dict)]
        return issues, reading.text(found, "nextPageToken")

    def _get(self, http: Http, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        ask.needs(self.settings, "url", "email", "api_token")
        call = Call(
            method="GET",
            url=f"{self.address('url')}/rest/api/3/{path}",
            params=params,
            headers={"Accept": "application/json"},
            auth=(str(self.settings["email"]), str(self.settings["api_token"])),
        )
        return ask.for_object(http, call, "Jira")


def _reached(issue: Any) -> tuple[str, str]:
    """Return what an issue's status tells: the word that names the event, and our type."""
    category = reading.text(issue, "fields.status.statusCategory.key")
    return f"status-{reading.text(issue, 'fields.status.id')}", CATEGORIES.get(category, "")


def _stamp(issue: Any, name: str = "updated") -> str:
    """Return a time of the issue in UTC; such texts compare like times."""
    return STAMP.of(reading.moment(reading.dig(issue, f"fields.{name}")))


CONNECTOR = Jira
