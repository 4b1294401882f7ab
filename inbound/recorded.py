"""A system of others as a recording knows it: to which request belongs which answer.

An answer names its `request` ("GET /orders", part of the address is enough) and, where that is not enough, what the
body sent is `containing`. It is `answer` (as JSON) or `text`, with `status` (200) and `headers`. The first that fits
is given, and 404 where none fits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from wire.http import Call, Reply


@dataclass(slots=True)
class System:
    """The polled system, as far as a conversation knows it. `asked` is what it was asked, for tests."""

    answers: Sequence[Mapping[str, Any]]
    asked: list[Call] = field(default_factory=list)

    def send(self, call: Call) -> Reply:
        """Give the first answer whose `request` ("GET /orders") and `containing` fit the call."""
        self.asked.append(call)
        query = f"?{urlencode(call.params)}" if call.params else ""
        body = json.dumps(call.json or call.form or "") + (call.body or b"").decode("utf-8", "replace")
        for answer in self.answers:
            method, _, place = str(answer["request"]).partition(" ")
            fits = place in call.url + query and str(answer.get("containing", "")) in body
            if method == call.method and fits:
                return _reply(answer)
        return Reply(status=404)


def _reply(answer: Mapping[str, Any]) -> Reply:
    body = str(answer["text"]) if "text" in answer else json.dumps(answer.get("answer"))
    headers = {name.lower(): str(value) for name, value in answer.get("headers", {}).items()}
    return Reply(status=int(answer.get("status", 200)), headers=headers, body=body.encode())
