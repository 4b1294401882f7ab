"""The console as a Flask application: one blueprint, strict headers, and error pages that say what to do."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, redirect, request
from werkzeug.exceptions import HTTPException, NotFound, Unauthorized
from werkzeug.wrappers import Response as AnyResponse

from audit.paging import BadCursor
from audit.store import StoreDown
from web import (
    access,
    account_pages,
    audit_pages,
    campaign_acts,
    campaign_pages,
    campaign_preview,
    campaign_report,
    code_pages,
    consent_pages,
    conversation_pages,
    export,
    forms,
    gateway_pages,
    home_page,
    list_pages,
    list_upload,
    live,
    oidc_pages,
    people_pages,
    replay_pages,
    report_pages,
    rules_pages,
    send_pages,
    shell,
    sign_in_pages,
    source_pages,
    status_pages,
    story_pages,
)
from web.compiled import COMPILED
from web.desk import KEY, Desk

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
STRICT_TRANSPORT = "max-age=31536000"
THEMES = {"light", "dark", "auto"}
YEAR = 365 * 24 * 3600
SENTENCES = {
    400: ("This form cannot be taken", "It did not come from a page of this console. Nothing was done; open it anew."),
    401: ("You are not signed in", "Nothing was done. Sign in, go back, and send it once more."),
    403: ("Your role does not allow this", "Nothing was done. An admin can give you another role."),
    404: ("There is nothing here", "The address is wrong, or what it named is older than what is kept."),
    405: ("This address is not for that", "It takes another kind of request."),
    413: ("This is more than a form may hold", "Nothing was done. Such a file is published from the command line."),
    500: ("Something broke on our side", "It is in the log. Nothing was sent or changed by opening this page."),
    503: ("The store does not answer", "Senders keep their events and repeat them. Try again in a few seconds."),
}
UNTIL_SOMEBODY = (
    "Until the first person is added, the console answers at the machine that runs it only, and by that machine's own "
    "address (127.0.0.1). There, type: tidings users add NAME --role admin"
)


def build(desk: Desk) -> Flask:
    """Return the application; `desk` is all it knows of the service."""
    app = Flask("web", static_folder=None, template_folder="templates")
    app.extensions[KEY] = desk
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True, "bytecode_cache": COMPILED}
    pages = Blueprint("console", __name__, url_prefix="/console", static_folder="static")
    for module in (home_page, audit_pages, conversation_pages, consent_pages, rules_pages, report_pages):
        module.register(pages)
    for module in (sign_in_pages, oidc_pages, account_pages, people_pages):
        module.register(pages)
    for module in (source_pages, gateway_pages, send_pages, replay_pages, story_pages, status_pages, live, export):
        module.register(pages)
    for module in (
        campaign_pages,
        campaign_acts,
        campaign_preview,
        campaign_report,
        list_pages,
        list_upload,
        code_pages,
    ):
        module.register(pages)
    pages.add_url_rule("/theme", "theme", access.for_all(_theme), methods=["POST"])
    app.register_blueprint(pages)
    app.add_url_rule("/status", "service_level", access.for_all(status_pages.public_service_level))
    app.add_url_rule("/", "start", access.for_all(lambda: redirect("/console/")))
    access.register(app)
    forms.register(app)
    app.after_request(_guarded)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(
        access.Nobody, lambda _: (shell.trouble("Nobody can sign in yet", UNTIL_SOMEBODY, 403), 403)
    )
    app.register_error_handler(BadCursor, lambda _: _refused(NotFound()))
    app.register_error_handler(StoreDown, lambda _: _trouble(503))
    app.register_error_handler(500, lambda _: _trouble(500))
    shell.teach(app)
    return app


def _guarded(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if shell.desk().entrance.is_secure:
        response.headers["Strict-Transport-Security"] = STRICT_TRANSPORT
    if request.endpoint != access.STATIC:
        # Pages name people; neither a proxy nor the disk of a shared computer may keep them.
        response.headers["Cache-Control"] = "no-store"
    return response


def _theme() -> AnyResponse:
    """Remember the colours somebody chose, and go back to where they were."""
    forms.prove()
    wanted = request.form.get("theme", "")
    response = redirect(access.inside(request.form.get("back", "")), 303)
    if wanted in THEMES:
        response.set_cookie(
            "theme", wanted, max_age=YEAR, samesite="Lax", httponly=False, path="/console",
            secure=shell.desk().entrance.is_secure,
        )  # fmt: skip
    return response


def _refused(error: HTTPException) -> HTTPException | tuple[str, int] | tuple[str, int, dict[str, str]]:
    if error.code is None or error.code < 400:
        return error
    if isinstance(error, Unauthorized) and error.www_authenticate:
        return *_trouble(401), {"WWW-Authenticate": access.BEARER}
    return _trouble(error.code)


def _trouble(code: int) -> tuple[str, int]:
    title, advice = SENTENCES.get(code, ("This request cannot be answered", "Go back and try another way."))
    return shell.trouble(title, advice, code), code
