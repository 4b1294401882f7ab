"""What may come in place of an answer, and texts that are hard to carry."""

from __future__ import annotations

JUNK_BODIES = (
    b"", b"{}", b"[]", b"null", b"true", b'"text"', b"1", b"NaN", b"\x00\xff\xfe", b"<html><h1>Hello</h1></html>",
    b"[" * 20_000, b'{"a":' * 20_000, b"[{}]", b"[[]]", b"a=b&c=d", b"&&&&", b"=", b"%ff%fe=%00", b"a=b&" * 2000,
    b'{"error": "no credit"}', b'{"errors": [{"code": 1}]}', b'{"status": "ok"}', b'{"data": {"messages": [null]}}',
    b'{"data": {"messages": {}}}', b'{"status": {"type": []}}', b"9" * 5000, b'{"id": ' + b"9" * 5000 + b"}",
)  # fmt: skip
HTML = "<html><h1>error</h1></html>"
HARD_TEXT = (
    'Zoë\'s "order"\n{{ sender }} {{ to }} {{text}} {{ options.base_url }} ${X} {0} %s %0A 100% & a=b; +49 # '
    "<b>\\n</b> \\u0041 'x' Привет 日本 👩‍👩‍👧 \u200f €\t{[]} http://x.example/?a=1&b=2 end"
)
STRADDLING = (
    "a" * 159 + "€",  # 161 septets: two parts
    "a" * 152 + "€" + "a" * 152,  # an escape pair at the cut
    "я" * 66 + "😀" + "я" * 66,  # a surrogate pair at the cut
    "a" * 160,
    "я" * 70,
    "ä`^{}\\[~]|€§\f",
)
"""Texts at which counting or cutting goes wrong: facts of 3GPP TS 23.038, tried on several libraries, 2026-10."""
