"""The console as a Flask application: one blueprint, strict headers, and error pages that say what to do."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, redirect, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.wrappers import Response as AnyResponse

from audit.search import BadCursor
from audit.store import StoreDown
from web import audit_pages, consent_pages, conversation_pages, forms, home_page, report_pages, rules_pages, shell
from web.desk import Desk

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
THEMES = {"light", "dark", "auto"}
YEAR = 365 * 24 * 3600
SENTENCES = {
    400: ("This form cannot be taken", "It did not come from a page of this console. Nothing was done; open it anew."),
    404: ("There is nothing here", "The address is wrong, or what it named is older than what is kept."),
    405: ("This address is not for that", "It takes another kind of request."),
    413: ("This is more than a form may hold", "Nothing was done. Such a file is published from the command line."),
    500: ("Something broke on our side", "It is in the log. Nothing was sent or changed by opening this page."),
    503: ("The store does not answer", "Senders keep their events and repeat them. Try again in a few seconds."),
}


def build(desk: Desk) -> Flask:
    """Return the application; `desk` is all it knows of the service."""
    app = Flask("web", static_folder=None, template_folder="templates")
    app.extensions[shell.KEY] = desk
    app.jinja_options = {"autoescape": True, "trim_blocks": True, "lstrip_blocks": True}
    pages = Blueprint("console", __name__, url_prefix="/console", static_folder="static")
    for module in (home_page, audit_pages, conversation_pages, consent_pages, rules_pages, report_pages):
        module.register(pages)
    pages.add_url_rule("/theme", "theme", _theme, methods=["POST"])
    app.register_blueprint(pages)
    app.add_url_rule("/", "start", lambda: redirect("/console/"))
    forms.register(app)
    app.after_request(_guarded)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(BadCursor, lambda _: _refused(NotFound()))
    app.register_error_handler(StoreDown, lambda _: _trouble(503))
    app.register_error_handler(500, lambda _: _trouble(500))
    shell.teach(app)
    return app


def _guarded(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "console.static":
        # Pages name people; neither a proxy nor the disk of a shared computer may keep them.
        response.headers["Cache-Control"] = "no-store"
    return response


def _theme() -> AnyResponse:
    """Remember the colours somebody chose, and go back to where they were."""
    wanted, back = request.form.get("theme", ""), request.form.get("back", "")
    # "//elsewhere" and "/\elsewhere" would lead away from here.
    safe = back.startswith("/console/") and "\\" not in back and "\n" not in back and "\r" not in back
    response = redirect(back if safe else "/console/", 303)
    if wanted in THEMES:
        response.set_cookie("theme", wanted, max_age=YEAR, samesite="Lax", httponly=False, path="/console")
    return response


def _refused(error: HTTPException) -> HTTPException | tuple[str, int]:
    return error if error.code is None or error.code < 400 else _trouble(error.code)


def _trouble(code: int) -> tuple[str, int]:
    title, advice = SENTENCES.get(code, ("This request cannot be answered", "Go back and try another way."))
    return shell.trouble(title, advice, code), code
