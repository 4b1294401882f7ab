"""Any system that answers questions with JSON over HTTP: its list of records is read at intervals, without code.

Facts: RFC 8288 (Link header) and the list calls of a dozen systems connected here, read 2026-11. How lists page is
one of five ways; how they are sorted and filtered is said in their own parameters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import urljoin, urlsplit

from requests.utils import parse_header_links

from connectors.base import AskFailed, Http, Option, Page
from connectors.kit import ask, audiences, mapping, records
from connectors.kit.records import RecordSource
from connectors.kit.scan import Listing, Window
from model.event import Incoming
from model.reasons import Refused
from wire import reading
from wire.http import Call, Reply

PAGINGS = ("none", "page", "offset", "cursor", "link")
MAX_PAGES = 50
ISO = "%Y-%m-%dT%H:%M:%SZ"
OPTIONS = {
    "url": Option(text="Address of the list, such as https://erp.example/api/orders.", required=True),
    "headers": Option(text="Table of headers to send, such as an API key.", default={}, secret=True),
    "token": Option(text="Bearer token to send.", default="", secret=True),
    "user": Option(text="Name for basic authentication.", default=""),
    "password": Option(text="Its password.", default="", secret=True),
    "params": Option(text="Table of parameters that every question has.", default={}),
    "records": Option(text="Path of the list in the answer; empty: the answer is the list.", default=""),
    "updated": Option(
        text="Path of the time, or of the growing number, at which a record last changed; empty: the whole list is"
        " read each time.",
        default="",
    ),
    "since": Option(text="Parameter that asks for records changed since a time.", default=""),
    "since_format": Option(
        text="How that time is written: iso, number, or a pattern such as %Y-%m-%d %H:%M:%S.", default="iso"
    ),
    "overlap": Option(text="How far the next poll reaches back, for clocks and late commits.", default="5m"),
    "oldest_first": Option(
        text="Table of parameters that sort by change, oldest first; with newest_first a page is read at a time.",
        default={},
    ),
    "newest_first": Option(text="Table of parameters that sort by change, newest first.", default={}),
    "paging": Option(
        text="How the list goes on: none, page, offset, cursor or link (the Link header).", default="none"
    ),
    "page_param": Option(text="page, offset: the parameter that holds it.", default="page"),
    "first_page": Option(text="page: the number of the first one.", default=1),
    "size": Option(text="page, offset: how many records a full page has.", default=100),
    "size_param": Option(text="The parameter that asks for so many.", default=""),
    "cursor": Option(text="cursor: path of the next page's cursor or address in the answer.", default=""),
    "cursor_param": Option(text="cursor: the parameter that holds it.", default="cursor"),
    **records.OPTIONS,
}
TABLES = ("headers", "params", "oldest_first", "newest_first")


class HttpPoll(RecordSource):
    """A list of records behind an address."""

    name = "http_poll"
    title = "Polled HTTP API"
    docs_url = "https://www.rfc-editor.org/rfc/rfc8288"
    options: ClassVar[Mapping[str, Option]] = OPTIONS
    kinds: ClassVar[Mapping[str, Any]] = {
        **dict.fromkeys(TABLES, dict), "first_page": int, "size": int, "overlap": str | int,
    }  # fmt: skip
    times: ClassVar[Sequence[str]] = ("updated",)
    audience_query: ClassVar[str] = "OData, where url is the service: People?$select=Name,Mobile&$filter=Active eq true"
    asks: ClassVar[Sequence[str]] = ("url",)
    setup: ClassVar[Sequence[str]] = (
        "Find the call that lists the records, and how it authenticates, pages, sorts and filters by time of change.",
        "Set `url`, `records`, `key`, `status` and `types`, and `poll_every`, such as 2m.",
        "Where the call has them, set `updated`, `since`, `oldest_first` and `newest_first`, so that not all is read.",
        "The first poll is the baseline and tells nothing; change a record and wait for the second.",
    )
    limits: ClassVar[Sequence[str]] = (
        f"Without oldest_first and newest_first all pages are read at once, {MAX_PAGES} at most.",
        "A record that reaches the same status again is told once, unless `id` names a field that differs.",
        records.UNREMEMBERED,
    )

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__(settings)
        given = self.settings
        self._paging: str = mapping.choice(given, "paging", PAGINGS)
        self._overlap = mapping.span("overlap", given["overlap"])
        if urlsplit(given["url"]).scheme not in {"http", "https"} or not self.hosts[0]:
            raise ValueError("Setting url: expected an address such as https://erp.example/api/orders.")
        if given["since_format"] not in {"iso", "number"} and "%" not in given["since_format"]:
            raise ValueError("Setting since_format: expected iso, number, or a pattern such as %Y-%m-%d %H:%M:%S.")
        if self._paging == "cursor" and not given["cursor"]:
            raise ValueError("Setting cursor: paging = cursor needs the path of the next page's cursor.")
        if bool(given["oldest_first"]) != bool(given["newest_first"]):
            raise ValueError("Setting newest_first: oldest_first and newest_first belong together.")
        self._is_sorted = bool(given["oldest_first"] and given["updated"])

    def poll(self, cursor: Mapping[str, Any], http: Http, now: datetime) -> Page:
        """Read on in the list and tell what is new."""
        incoming, found = Incoming(source=self.name, received_at=now), self.records
        listing = Listing(
            read=lambda window: self._read(http, window),
            identity=found.identity,
            changed=self._changed,
            created=found.made,
            standing=found.standing,
            news=lambda sight: found.told(incoming, sight),
            back=self._back,
        )
        return records.follow(listing, cursor, dated=bool(self.settings["created"]))

    def audience(self, query: str, http: Http) -> Iterator[Mapping[str, Any]]:
        """Yield the records of a set of an OData service whose address is `url`, a page at a time."""
        base = self.address("url")

        def read(path: str, params: Mapping[str, str]) -> dict[str, Any]:
            call = replace(self._call(Window(), f"{base}/{path}"), params=params)
            return ask.for_object(http, call, "The system")

        yield from audiences.odata_records(query, base, read)

    def _changed(self, record: Mapping[str, Any]) -> int:
        return self.records.stamp(record, self.settings["updated"]) if self.settings["updated"] else 0

    def _back(self, stamp: Any) -> int:
        """Reach back by the overlap; a counter has no time to reach back by."""
        if self.settings["since_format"] != "number":
            return max(0, int(stamp - self._overlap.total_seconds() * 1000))
        unit = 1000 if stamp > 10**11 else 1 if stamp > 10**9 else 0
        return int(stamp - self._overlap.total_seconds() * unit)

    def _read(self, http: Http, window: Window) -> tuple[list[dict[str, Any]], str]:
        """Read one page where the list is sorted, else all pages, sorted here."""
        if self._is_sorted:
            return self._page(http, window, window.place)
        found, place = self._page(http, window, "")
        for _ in range(MAX_PAGES - 1):
            if not place:
                return sorted(found, key=self._changed, reverse=window.since is None), ""
            more, place = self._page(http, window, place)
            found += more
        if place:
            raise AskFailed(
                f"The list has more than {MAX_PAGES} pages: set oldest_first and newest_first.", permanent=True
            )
        return sorted(found, key=self._changed, reverse=window.since is None), ""

    def _page(self, http: Http, window: Window, place: str) -> tuple[list[dict[str, Any]], str]:
        reply = ask.send(http, self._call(window, place), "The system", fine=(200, 204))
        try:
            body = reading.json_body(reply.body) if reply.body else []
        except Refused as refusal:
            raise AskFailed("The system's answer cannot be read.") from refusal
        listed = reading.dig(body, self.settings["records"]) if self.settings["records"] else body
        if not isinstance(listed, list):
            raise AskFailed(f"The answer has no list at {self.settings['records'] or 'its top'}.")
        after = self._after(reply, body, place, len(listed))
        return [record for record in listed if isinstance(record, dict)], "" if after == place else after

    def _call(self, window: Window, place: str) -> Call:
        given = self.settings
        headers = {"accept": "application/json", **{name.lower(): str(one) for name, one in given["headers"].items()}}
        if given["token"]:
            headers["authorization"] = f"Bearer {given['token']}"
        auth = (given["user"], given["password"]) if given["user"] else None
        if place.startswith(("http://", "https://")):
            return Call(method="GET", url=place, headers=headers, auth=auth)
        return Call(method="GET", url=given["url"], headers=headers, params=self._params(window, place), auth=auth)

    def _params(self, window: Window, place: str) -> dict[str, str]:
        given = self.settings
        order = given["newest_first"] if window.since is None else given["oldest_first"]
        params = {name: str(one) for name, one in {**given["params"], **order}.items()}
        if given["size_param"]:
            params[given["size_param"]] = str(given["size"])
        if given["since"] and window.since:
            params[given["since"]] = self._written(window.since)
        if self._paging in {"page", "offset"}:
            params[given["page_param"]] = place or str(given["first_page"] if self._paging == "page" else 0)
        elif place:
            params[given["cursor_param"]] = place
        return params

    def _written(self, stamp: int) -> str:
        form: str = self.settings["since_format"]
        if form == "number":
            return str(stamp)
        try:
            when = datetime.fromtimestamp(stamp / 1000, UTC)
        except (ValueError, OverflowError, OSError):
            raise AskFailed("The time of the last change cannot be written: is since_format right?") from None
        return when.strftime(ISO) if form == "iso" else when.astimezone(self.records.map.zone or UTC).strftime(form)

    def _after(self, reply: Reply, body: Any, place: str, count: int) -> str:
        """Return where the next page is, "" where there is none."""
        if self._paging == "link":
            links = parse_header_links(reply.headers.get("link", ""))
            return self._beside(next((one["url"] for one in links if one.get("rel") == "next"), ""))
        if self._paging == "cursor":
            found = reading.text(body, self.settings["cursor"])
            return self._beside(found) if found.startswith(("http:", "https:", "/")) else found
        if self._paging == "none" or count < max(1, self.settings["size"]):
            return ""
        step = 1 if self._paging == "page" else count
        return str(int(place or (self.settings["first_page"] if step == 1 else 0)) + step)

    def _beside(self, address: str) -> str:
        """Return the next page's address; one on another host would get our key."""
        if not address:
            return ""
        found = urljoin(str(self.settings["url"]), address)
        if urlsplit(found).hostname != self.hosts[0] or urlsplit(found).scheme != urlsplit(self.settings["url"]).scheme:
            raise AskFailed("The next page is on another host.", permanent=True)
        return found


CONNECTOR = HttpPoll
