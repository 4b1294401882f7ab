"""The way to the identity provider and back."""

from __future__ import annotations

import hmac
import logging

from flask import Blueprint, abort, redirect, request
from werkzeug.wrappers import Response

from web import access, forms, oidc, shell, sign_in_pages
from web.desk import Desk, Provider
from web.oidc import Errand, Untrusted
from wire.http import Client

log = logging.getLogger(__name__)
COOKIE, PATH = "tidings_errand", "/console/sign-in"
BACK = f"{PATH}/answer"


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/sign-in/provider", "sign_in_provider", access.for_all(leave), methods=["GET"])
    pages.add_url_rule("/sign-in/answer", "sign_in_answer", access.for_all(come_back), methods=["GET"])


def leave() -> Response | tuple[str, int]:
    """Send the browser to the provider, with an errand only it can bring back."""
    access.visitor()
    desk, provider = _provider()
    kept = oidc.errand(access.inside(request.args.get("next", "")), desk.clock())
    try:
        about = oidc.described(Client(), provider)
    except Untrusted as error:
        return _refused(str(error))
    response = redirect(oidc.way_out(about, provider, _address(desk), kept))
    response.set_cookie(
        COOKIE, oidc.packed(kept, forms.KEY), max_age=int(oidc.LASTS.total_seconds()), httponly=True, samesite="Lax",
        secure=desk.entrance.is_secure, path=PATH,
    )  # fmt: skip
    return response


def come_back() -> Response | tuple[str, int]:
    """Let in whom the provider vouches for."""
    access.visitor()
    desk, provider = _provider()
    try:
        kept = oidc.unpacked(request.cookies.get(COOKIE, ""), forms.KEY, desk.clock())
        response = _let_in(desk, provider, kept)
    except Untrusted as error:
        log.warning("sign-in refused", extra={"address": access.client_address(request, desk.entrance)})
        return _refused(str(error))
    response.delete_cookie(COOKIE, path=PATH, secure=desk.entrance.is_secure, httponly=True, samesite="Lax")
    return response


def _let_in(desk: Desk, provider: Provider, kept: Errand) -> Response:
    if not hmac.compare_digest(request.args.get("state", "").encode("utf-8", "replace"), kept.state.encode()):
        raise Untrusted("This answer belongs to another sign-in.")
    code = request.args.get("code", "")
    if not code:
        raise Untrusted("The identity provider did not let you in.")
    said = oidc.claims(Client(), provider, code, _address(desk), kept, desk.clock())
    person = desk.store.write(lambda tx: oidc.person_of(tx, provider, said, desk.clock()))
    return sign_in_pages.come_in(desk, person, "identity provider", kept.onward)


def _provider() -> tuple[Desk, Provider]:
    desk = shell.desk()
    return desk, desk.entrance.provider or abort(404)


def _address(desk: Desk) -> str:
    return desk.entrance.address.rstrip("/") + BACK


def _refused(sentence: str) -> tuple[str, int]:
    return sign_in_pages.page(access.HOME, "", sentence.rstrip(".")), 403
