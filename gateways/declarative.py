"""HTTP providers described by gateways/*.yaml instead of code. template_keys.py declares the keys of such a file.

A file is a table of facts: where a number goes in the request, which words mean yes and which kind of no, how a
receipt looks. This module turns it into a gateway class; it knows no provider.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from urllib.parse import quote, unquote_to_bytes, urlencode

from gateways import template
from gateways.base import (
    Capabilities,
    Gateway,
    HttpGateway,
    Option,
    money,
    not_understood,
    of_class,
    retry_after,
    throttled,
)
from model.event import Answer, Incoming
from model.message import State
from model.reasons import ConfigError, Problem, Reason, Refused
from model.sending import ErrorClass, Outcome, Receipt, Reply, Result, Submission
from wire import e164, jwt, reading
from wire.http import Call, Client
from wire.http import Reply as HttpReply
from wire.signatures import Hmac, Token

T = TypeVar("T")
CLASSES = {error.code: error for error in ErrorClass}
STATES = {state.code: state for state in State}
FROM = Option(text="Number or name texts come from, where a rule states none.", default="")
ESCAPED = frozenset({"UTF-16BE", "ISO-8859-1"})
LEEWAY = timedelta(minutes=1)
DRY_RUN = Option(text="Let the provider check each request and send nothing.", default=False)


def load(path: Path) -> type[Gateway]:
    """Return the gateway class a file describes. Raises ConfigError with everything that is wrong in it."""
    document, problems = template.read(path)
    if problems:
        raise ConfigError([Problem(path=str(path), line=1, column=1, text=text) for text in problems])
    kind = document["gateway"]
    members = {
        "__doc__": f"{document['title']}, described by {path.name}.",
        "kind": kind,
        "title": document["title"],
        "docs_url": document["docs"].split()[0],
        "options": _options(document),
        "capabilities": _capabilities(_whole(document, document["samples"].get("settings", {}))),
        "document": document,
    }
    return type(f"Declared_{kind}", (Declared,), members)


def check(path: Path) -> list[str]:
    """Return what is wrong with a file, one sentence each with file and key; [] when it can be used."""
    return template.read(path)[1]


class Declared(HttpGateway):
    """A gateway whose provider is described by data."""

    document: Mapping[str, Any]

    def __init__(self, name: str, settings: Mapping[str, Any], http: Client) -> None:
        super().__init__(name, settings, http)
        if template.is_profile(self.document):
            self.document = _for_account(name, self.document, self.settings)
            self.capabilities = _capabilities(self.document)

    def encode(self, submission: Submission) -> Call:
        """Fill the file's request with the submission."""
        values = self._values(submission)
        send, extra = self.document["send"], self.document.get("test", {}) if self.settings.get("dry_run") else {}
        parts: dict[str, Any] = {
            name: template.fill(send[name], values) for name in ("query", "headers", "form", "json") if name in send
        }
        for name, more in extra.items():
            parts[name] = {**parts.get(name, {}), **template.fill(more, values)}
        path = template.fill(send["path"], _Quoted(values))
        form = parts.get("form")
        call = Call(
            method=send["method"],
            url=f"{str(self.settings['base_url']).rstrip('/')}{path}",
            headers=_texts(parts.get("headers", {})),
            params=_texts(parts.get("query", {})),
            form=None if form is None else list(_texts(form).items()),
            json=parts.get("json"),
        )
        return self._authorised(call, values)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Look the answer up in the file's tables: a no first, then a yes; anything else is UNKNOWN."""
        root, spec = reply.json(), self.document["response"]
        found = _entry_for(submission.to, root, spec)
        refused = self._refusal(reply, found, root)
        if refused is not None:
            return refused
        if reply.status == 429:
            return throttled(reply)
        is_yes = _is_http(reply.status, spec.get("http", "2xx")) and _holds(spec.get("accepted"), found, root)
        provider_id = _text(found, root, spec["id"])
        if not is_yes or not provider_id:
            return not_understood(reply)
        parts = _text(found, root, spec.get("parts", ""))
        return Result(
            outcome=Outcome.ACCEPTED,
            provider_id=provider_id,
            segments=int(parts) if parts.isdecimal() and 0 < len(parts) < 4 and int(parts) else None,
            **_price(spec.get("price"), found, root),
        )

    def balance_call(self) -> Call | None:
        """Fill the file's question, where it has one."""
        spec = self.document.get("balance")
        if spec is None:
            return None
        values = self._values(Submission(message_id="", to="", text=""))
        parts = template.fill({name: spec.get(name, {}) for name in ("query", "headers")}, values)
        url = f"{str(self.settings['base_url']).rstrip('/')}{template.fill(spec['path'], _Quoted(values))}"
        call = Call(method="GET", url=url, headers=_texts(parts["headers"]), params=_texts(parts["query"]))
        return self._authorised(call, values)

    def read_balance(self, body: Any) -> str:
        """Read the amount at the file's place."""
        spec = self.document["balance"]
        found = _price(spec, body, body)
        return money(found.get("cost"), spec.get("unit") or found.get("currency", ""))

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check a callback as the file says. Raises Refused."""
        spec = self.document.get("receipt", {}).get("verify", {})
        option = {name: str(self.settings.get(spec.get(name, ""), "") or "") for name in ("secret", *_CREDENTIALS)}
        if spec.get("type") == "basic":
            pair = [":".join(option[name] for name in _CREDENTIALS)] if all(map(option.get, _CREDENTIALS)) else []
            Token(kind="basic").check(incoming, pair, now)
        elif spec.get("type") == "hmac":
            _hmac(spec, spec["header"]).check(incoming, [option["secret"]], now)
        elif spec.get("type") == "jwt":
            _check_token(spec, incoming, option["secret"], now)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read the receipts in a callback."""
        return _each(self.document.get("receipt"), incoming, self._receipt)

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read the texts from phones in a callback."""
        return _each(self.document.get("inbound"), incoming, self._reply)

    def answer(self) -> Answer:
        """Say what the file's `ack` says."""
        ack = self.document.get("receipt", {}).get("ack", {})
        plain = Answer()
        return Answer(
            status=int(ack.get("status", plain.status)),
            body=ack.get("body", plain.body),
            content_type=ack.get("content_type", plain.content_type),
        )

    def _values(self, submission: Submission) -> dict[str, Any]:
        spec, limits = self.document, self.document.get("limits", {})
        words = spec.get("encoding", {})
        seconds = max(int(submission.validity.total_seconds()), int(limits.get("min_validity_seconds", 1)))
        seconds = min(seconds, int(limits.get("max_validity_seconds", seconds)))
        ref = submission.message_id
        return {
            "to": self._written(submission.to),
            "text": submission.text,
            "sender": self._written(submission.sender or str(self.settings["from"] or "")),
            "ref": ref if len(ref) <= int(spec.get("client_ref", {}).get("max", len(ref))) else "",
            "key": _key(ref, spec.get("idempotency", {}).get("type", "text")),
            "encoding": words.get("gsm" if submission.encoding == "gsm7" else "unicode", submission.encoding),
            "segments": submission.segments,
            "validity_seconds": seconds,
            "validity_minutes": max(seconds // 60, 1),
            "receipt_url": submission.receipt_url,
            **{f"options.{name}": _plain(self.settings[name]) for name in self.options},
        }

    def _authorised(self, call: Call, values: Mapping[str, Any]) -> Call:
        auth = template.fill(self.document["auth"], values)
        token = auth.get("token", "")
        match auth["type"]:
            case "basic":
                return replace(call, auth=(auth.get("username", ""), auth.get("password", "")))
            case "bearer":
                return replace(call, headers={**call.headers, "Authorization": f"Bearer {token}"})
            case "header":
                return replace(call, headers={**call.headers, auth["name"]: token})
            case "query":
                return replace(call, params={**call.params, auth["name"]: token})
            case "hmac":
                return self._signed(call, auth, str(values[f"options.{auth['secret']}"]))
        return call

    def _signed(self, call: Call, auth: Mapping[str, str], secret: str) -> Call:
        """Sign the very bytes that leave: they are written here, not by the HTTP library."""
        kind = "application/json" if call.form is None else "application/x-www-form-urlencoded"
        body = json.dumps(call.json).encode() if call.form is None else urlencode(call.form).encode()
        url = f"{call.url}?{urlencode(call.params)}" if call.params else call.url
        bare = Incoming(source=self.kind, method=call.method, url=url, body=body)
        signed = _hmac(auth, auth["name"]).sign(bare, secret, self.clock())
        headers = {**call.headers, "Content-Type": kind, **signed.headers}
        return replace(call, url=url, params={}, headers=headers, form=None, json=None, body=body)

    def _refusal(self, reply: HttpReply, found: Any, root: Any) -> Result | None:
        for row in self.document["errors"]:
            if "http" in row and not _is_http(reply.status, row["http"]):
                continue
            if not _holds(row, found, root):
                continue
            error = CLASSES[row["class"]]
            wait = row.get("retry_after", "header")
            word = _word(_text(found, root, row["path"])) if "path" in row else ""
            result = of_class(error, word or f"http_{reply.status}", row.get("text") or error.action)
            return replace(result, retry_after=retry_after(reply) if wait == "header" else timedelta(seconds=int(wait)))
        return None

    def _receipt(self, spec: Mapping[str, Any], entry: Mapping[str, Any]) -> Receipt:
        status = spec["status"]
        raw = ".".join(filter(None, (reading.text(entry, path) for path in _listed(status["path"]))))
        if not raw:
            reading.bad_shape(f"Field {' or '.join(_listed(status['path']))} is missing.")
        code = reading.text(entry, spec["error"]["path"]) if "error" in spec else ""
        known = {word.lower(): state for word, state in status["map"].items()}
        # FAILED.EXPIRED is looked up whole, then as FAILED: a new detail must not hide a failure.
        state = known.get(raw.lower()) or known.get(raw.lower().partition(".")[0])
        ours = reading.text(entry, spec["ref"]) if "ref" in spec else ""
        return Receipt(
            state=STATES[state or status.get("default", State.UNCONFIRMED.code)],
            provider_id=(reading.first_text if ours else reading.required)(entry, *_listed(spec["id"])),
            message_id=ours,
            raw_status=raw,
            error_code=code,
            error=CLASSES[spec.get("error", {}).get("map", {}).get(code, ErrorClass.NONE.code)],
            at=_time(spec.get("time"), entry),
            part=reading.text(entry, spec["part"]) if "part" in spec else "",
        )

    def _reply(self, spec: Mapping[str, Any], entry: Mapping[str, Any]) -> Reply:
        wants_out = spec.get("opt_out")
        return Reply(
            id=reading.required(entry, spec["id"]),
            number=self._number(reading.required(entry, spec["from"])),
            to=self._number(reading.text(entry, spec["to"])) if "to" in spec else "",
            text=_unescaped(reading.text(entry, spec["text"]), reading.text(entry, spec.get("charset", "?"))),
            at=_time(spec.get("time"), entry),
            opt_out=wants_out is not None and _holds(wants_out, entry, entry),
        )

    def _number(self, number: str) -> str:
        """Add the plus a provider of bare digits leaves out; short codes and names stay as they are."""
        bare = self.document["number_format"] == "digits" and number.isdecimal() and 8 <= len(number) <= 15
        return f"+{number}" if bare else number

    def _written(self, number: str) -> str:
        """Leave out the plus where the provider wants bare digits; a name stays as it is."""
        return e164.bare(number) if self.document["number_format"] == "digits" else number


_CREDENTIALS = ("username", "password")


class _Quoted(dict[str, Any]):
    """Values as they may stand in a path: a `/` or `?` in one must not change where the request goes."""

    def __getitem__(self, name: str) -> str:
        return quote(str(super().__getitem__(name)), safe="")


def _options(document: Mapping[str, Any]) -> dict[str, Option]:
    options = {
        name: Option(
            text=row["text"],
            default=row.get("default", ""),
            required=row.get("required") == "yes",
            secret=row.get("secret") == "yes",
        )
        for name, row in document.get("options", {}).items()
    }
    if "base_url" not in options:
        options["base_url"] = Option(text="The provider's address.", default=document["base_url"])
    options["from"] = options.get("from", FROM)
    if "test" in document:
        options["dry_run"] = DRY_RUN
    return options


def _whole(document: Mapping[str, Any], settings: Mapping[str, Any]) -> Mapping[str, Any]:
    return template.settled(document, settings) if template.is_profile(document) else document


def _for_account(name: str, document: Mapping[str, Any], settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a profile as this account's settings settle it. Raises ConfigError: half a profile must not send."""
    problems = template.check_account(dict(document), settings, document["gateway"])
    if problems:
        raise ConfigError([Problem(path=f"gateways.{name}", line=1, column=1, text=text) for text in problems])
    return template.settled(document, settings)


def _capabilities(document: Mapping[str, Any]) -> Capabilities:
    used = template.holes(document["send"])
    receipt = document.get("receipt", {})
    signed = receipt.get("verify", {}).get("type", "none") != "none"
    proof = "none" if not receipt else "signed" if signed else "token"
    return Capabilities(
        number_format="plus" if document["number_format"] == "e164" else "digits",
        max_segments=int(document.get("limits", {}).get("max_segments", Capabilities().max_segments)),
        validity=bool(used & {"validity_seconds", "validity_minutes"}),
        client_reference="ref" in used and "ref" in receipt,
        idempotent="key" in used and document["idempotency"]["repeat"] == "documented",
        per_message_callback="receipt_url" in used,
        receipts=cast("Literal['none', 'token', 'signed']", proof),
        replies="inbound" in document,
        test_mode="test" in document,
        unverified=document.get("unverified", ""),
    )


def _entry_for(to: str, root: Any, spec: Mapping[str, Any]) -> Any:
    """Return the part of the answer that speaks of this number; the answer itself when it speaks of one only."""
    if "results" not in spec:
        return root
    entries = reading.items(root) if spec["results"] == "." else reading.items(root, spec["results"])
    if "match" not in spec or not entries:
        return entries[0] if entries else None
    numbers = [_digits(reading.text(entry, spec["match"])) for entry in entries]
    if to.removeprefix("+") in numbers:
        return entries[numbers.index(to.removeprefix("+"))]
    # A result of somebody else's number is not ours; one without a readable number is, we sent one text.
    return entries[0] if not any(numbers) else None


def _refers_to_root(path: str) -> bool:
    return path.startswith("/")


def _text(entry: Any, root: Any, path: str) -> str:
    if not path:
        return ""
    return reading.text(root, path[1:]) if _refers_to_root(path) else reading.text(entry, path)


def _holds(spec: Mapping[str, Any] | None, entry: Any, root: Any) -> bool:
    """Tell whether the word at spec's path is one of its words; a spec without a path always holds."""
    if spec is None or "path" not in spec:
        return True
    value = _text(entry, root, spec["path"]).lower()
    words = {word.lower() for word in _listed(spec.get("in", []))}
    return bool(value) and (value in words or _word(value) in words or not words)


def _word(value: str) -> str:
    """RFC 7807 problem types are addresses; the word is behind the #."""
    return value.rpartition("#")[2]


def _is_http(status: int, wanted: Any) -> bool:
    for pattern in _listed(wanted):
        low, _, high = pattern.replace("xx", "00").partition("-")
        top = int(high) if high else int(low) + 99 if pattern.endswith("xx") else int(low)
        if int(low) <= status <= top:
            return True
    return False


def _price(spec: Mapping[str, str] | None, entry: Any, root: Any) -> dict[str, Any]:
    if spec is None:
        return {}
    currency, _, value = _text(entry, root, spec["value"]).rpartition(" ")  # "0.8", and where it is written "KES 0.8"
    number = reading.decimal(value)
    if number is None:
        return {}
    currency = currency or _text(entry, root, spec.get("currency", ""))
    return {"cost": f"{number / int(spec.get('scale', '1')):f}", "currency": currency.upper()[:3]}


def _each(spec: Any, incoming: Incoming, read: Callable[[Mapping[str, Any], Mapping[str, Any]], T]) -> list[T]:
    """Read every entry of a callback; one bad entry must not lose the good ones beside it."""
    if spec is None:
        return []
    found: list[T] = []
    refusal: Refused | None = None
    for entry in _entries(spec, incoming):
        try:
            found.append(read(spec, entry))
        except Refused as error:
            refusal = error
    if refusal is not None and not found:
        raise refusal
    return found


def _entries(spec: Mapping[str, Any], incoming: Incoming) -> Iterator[Mapping[str, Any]]:
    match spec["body"]:
        case "form":
            root: Any = reading.form(incoming.body)
        case "query":  # who calls by GET often lets the account choose POST as well
            root = {**reading.form(incoming.body), **incoming.query}
        case _:
            root = reading.json_body(incoming.body)
    place = spec.get("list", "")
    entries = root if place == "." else reading.dig(root, place) if place else [root]
    entries = entries if isinstance(entries, list) else [entries]
    if entries and not any(isinstance(entry, dict) for entry in entries):
        reading.bad_shape(f"Expected an object, found {reading.kind(entries[0])}.")
    yield from (entry for entry in entries if isinstance(entry, dict) and _holds(spec.get("only"), entry, root))


def _time(spec: Mapping[str, str] | None, entry: Mapping[str, Any]) -> datetime | None:
    if spec is None:
        return None
    value = reading.text(entry, spec["path"])
    if spec["format"] == "iso":
        return reading.moment(value, zone=UTC if spec.get("zone") == "utc" else None)
    return reading.moment(int(value), milliseconds=spec["format"] == "unix_ms") if _is_count(value) else None


def _unescaped(text: str, charset: str) -> str:
    """Read a text a provider writes as %-escaped bytes of a charset it names; any other text stays as it is."""
    if charset.upper() not in ESCAPED:
        return text
    return reading.text(unquote_to_bytes(text.replace("+", " ")).decode(charset, "replace"))


def _check_token(spec: Mapping[str, Any], incoming: Incoming, secret: str, now: datetime) -> None:
    """Check a JWT. One that only says when it was made proves the sender, not the body: its time must be close."""
    given = incoming.header(spec["header"])
    if not given:
        raise Refused(Reason.NO_SIGNATURE, f"Header {spec['header']} is missing.")
    claims = jwt.claims_of(given.rpartition(" ")[2], [secret])
    if spec["claims"] == "time":
        jwt.check_times(claims, now, leeway=LEEWAY, max_age=timedelta(seconds=int(spec.get("tolerance", 300))))
        return
    jwt.check_times(claims, now, leeway=LEEWAY)
    if any(claims.get(name, None) != value for name, value in reading.json_object(incoming.body).items()):
        raise Refused(Reason.BAD_SIGNATURE, "The token speaks of another body.")


def _hmac(spec: Mapping[str, Any], header: str) -> Hmac:
    window = timedelta(seconds=int(spec.get("tolerance", 300)))
    return Hmac(
        header=header,
        signed=spec.get("signed", "{body}"),
        digest=spec.get("digest", "sha256"),
        encoding=spec.get("encoding", "hex"),
        prefix=spec.get("prefix", ""),
        timestamp_header=spec.get("timestamp_header", ""),
        past=window,
        future=window,
    )


def _key(message_id: str, kind: str) -> str:
    """Make the idempotency key: the same for every attempt of one message.

    31 bits are all some providers take: among 10,000 texts in one window, two share a key in about 2 of 100 windows.
    """
    if kind == "text":
        return message_id
    return str(int.from_bytes(hashlib.sha256(message_id.encode()).digest()[:4]) & 0x7FFFFFFF)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _plain(value: Any) -> str:
    return "" if value is None else str(value)


def _digits(number: str) -> str:
    return "".join(c for c in number if c.isdecimal())


def _is_count(value: str) -> bool:
    return value.isdecimal() and len(value) < 16
