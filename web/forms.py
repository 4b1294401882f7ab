"""Forms that only our own pages can send: a token in the form that proves a cookie no other site's request carries.

The cookie holds a random word; the form holds that word and the session, signed with a key this process made up. A page
elsewhere can make a browser post here, but SameSite=Strict keeps the cookie at home, and without the key nobody can
make the token that belongs to a cookie they planted. A form of one session is no good in another one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from flask import Flask, Response, g, request
from werkzeug.exceptions import BadRequest

from web import access
from web.desk import desk

COOKIE = "tidings_form"
FIELD = "token"
KEY = secrets.token_bytes(32)
LONGEST = 2_000_000
"""Bytes of a form; a rules file of ten thousand rules fits."""


class NotOurs(BadRequest):
    """A form without a token: sent by another site, or by hand."""


class TooOld(BadRequest):
    """A form of this site whose token is no longer good: the service was started again, or who was there changed."""


def register(app: Flask) -> None:
    """Let templates write tokens, and give out the cookie that belongs to them."""
    app.jinja_env.globals["form_token"] = token
    app.after_request(_remember)


def token() -> str:
    """Return what a form carries in its field `token`."""
    return _signed(_word())


def prove(most: int = LONGEST) -> None:
    """See that a form came from one of our own pages. Raises NotOurs or TooOld; nothing may be done before this.

    `most` is how many bytes it may have with its files, which go to the disk as they come in.
    """
    request.max_content_length, request.max_form_memory_size = most, LONGEST
    held, given = request.cookies.get(COOKIE, ""), request.form.get(FIELD, "")
    if not held or not given:
        raise NotOurs
    if not hmac.compare_digest(_signed(held).encode(), given.encode("utf-8", "replace")):
        raise TooOld


def renew() -> None:
    """Give this browser another word: what was made before somebody signed in proves nothing after it."""
    g.form_word = secrets.token_urlsafe(24)


def _word() -> str:
    """Return the random word of this browser, a new one on its first visit."""
    held = request.cookies.get(COOKIE, "")
    if held:
        return held
    if "form_word" not in g:
        g.form_word = secrets.token_urlsafe(24)
    return str(g.form_word)


def _signed(word: str) -> str:
    session = request.cookies.get(access.cookie(desk().entrance), "")
    said = f"{len(word)}:{word}{session}"
    return hmac.new(KEY, said.encode("utf-8", "replace"), hashlib.sha256).hexdigest()


def _remember(response: Response) -> Response:
    if "form_word" in g:
        response.set_cookie(
            COOKIE, g.form_word, httponly=True, samesite="Strict", secure=desk().entrance.is_secure, path="/console"
        )
    return response
