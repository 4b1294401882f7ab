"""HTTP providers described by gateways/*.yaml instead of code: the file is a table of facts, read here.

It says where a number goes in the request, which words mean yes and which kind of no, how a receipt looks. This package
turns it into a gateway class and knows no provider: `keys` and `sample_keys` declare the keys of a file, `template`
reads and fills it, `outline`, `answers`, `callbacks` and `proofs` read its parts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from gateways.base import Gateway, HttpGateway, money, not_understood, throttled
from gateways.declarative import answers, callbacks, proofs, template
from gateways.declarative.outline import capabilities_of, for_account, options_of, whole
from model.event import Answer, Incoming
from model.reasons import ConfigError, Problem
from model.sending import Outcome, Receipt, Reply, Result, Submission
from wire import e164
from wire.http import Call, Client
from wire.http import Reply as HttpReply


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
        "options": options_of(document),
        "capabilities": capabilities_of(whole(document, document["samples"].get("settings", {}))),
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
            self.document = for_account(name, self.document, self.settings)
            self.capabilities = capabilities_of(self.document)

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
            url=self.url(path),
            headers=_texts(parts.get("headers", {})),
            params=_texts(parts.get("query", {})),
            form=None if form is None else list(_texts(form).items()),
            json=parts.get("json"),
        )
        return self._authorised(call, values)

    def decode(self, reply: HttpReply, submission: Submission) -> Result:
        """Look the answer up in the file's tables: a no first, then a yes; anything else is UNKNOWN."""
        root, spec = reply.json(), self.document["response"]
        found = answers.entry_for(submission.to, root, spec)
        refused = answers.refusal(self.document["errors"], reply, found, root)
        if refused is not None:
            return refused
        if reply.status == 429:
            return throttled(reply)
        is_yes = answers.is_http(reply.status, spec.get("http", "2xx")) and answers.holds(
            spec.get("accepted"), found, root
        )
        provider_id = answers.text_at(found, root, spec["id"])
        if not is_yes or not provider_id:
            return not_understood(reply)
        parts = answers.text_at(found, root, spec.get("parts", ""))
        return Result(
            outcome=Outcome.ACCEPTED,
            provider_id=provider_id,
            segments=int(parts) if parts.isdecimal() and 0 < len(parts) < 4 and int(parts) else None,
            **answers.price_of(spec.get("price"), found, root),
        )

    def balance_call(self) -> Call | None:
        """Fill the file's question, where it has one."""
        spec = self.document.get("balance")
        if spec is None:
            return None
        values = self._values(Submission(message_id="", to="", text=""))
        parts = template.fill({name: spec.get(name, {}) for name in ("query", "headers")}, values)
        url = self.url(template.fill(spec["path"], _Quoted(values)))
        call = Call(method="GET", url=url, headers=_texts(parts["headers"]), params=_texts(parts["query"]))
        return self._authorised(call, values)

    def read_balance(self, body: Any) -> str:
        """Read the amount at the file's place."""
        spec = self.document["balance"]
        found = answers.price_of(spec, body, body)
        return money(found.get("cost"), spec.get("unit") or found.get("currency", ""))

    def verify(self, incoming: Incoming, now: datetime) -> None:
        """Check a callback as the file says. Raises Refused."""
        proofs.check(self.document.get("receipt", {}).get("verify", {}), self.settings, incoming, now)

    def parse_receipt(self, incoming: Incoming) -> list[Receipt]:
        """Read the receipts in a callback."""
        return callbacks.each(self.document.get("receipt"), incoming, callbacks.receipt)

    def parse_reply(self, incoming: Incoming) -> list[Reply]:
        """Read the texts from phones in a callback."""
        return callbacks.each(
            self.document.get("inbound"), incoming, partial(callbacks.reply, digits=self._wants_digits)
        )

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
            "sender": self._written(submission.sender or self.setting("from")),
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
        signed = proofs.hmac_of(auth, auth["name"]).sign(bare, secret, self.clock())
        headers = {**call.headers, "Content-Type": kind, **signed.headers}
        return replace(call, url=url, params={}, headers=headers, form=None, json=None, body=body)

    def _written(self, number: str) -> str:
        """Leave out the plus where the provider wants bare digits; a name stays as it is."""
        return e164.bare(number) if self._wants_digits else number

    @property
    def _wants_digits(self) -> bool:
        return bool(self.document["number_format"] == "digits")


class _Quoted(dict[str, Any]):
    """Values as they may stand in a path: a `/` or `?` in one must not change where the request goes."""

    def __getitem__(self, name: str) -> str:
        return quote(str(super().__getitem__(name)), safe="")


def _key(message_id: str, kind: str) -> str:
    """Make the idempotency key: the same for every attempt of one message.

    31 bits are all some providers take: among 10,000 texts in one window, two share a key in about 2 of 100 windows.
    """
    if kind == "text":
        return message_id
    return str(int.from_bytes(hashlib.sha256(message_id.encode()).digest()[:4]) & 0x7FFFFFFF)


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


def _plain(value: Any) -> str:
    return "" if value is None else str(value)
