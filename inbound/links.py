"""The door for people who follow a short link: where it leads, and whether a person or a program asked.

Nothing of a visitor is kept: no address, no browser, no time of later visits but the last. A link leads only where the
text that holds it was written to lead, so nobody can send others through this door to a place of their own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from audit import links
from audit.clicks import Clicks
from audit.store import Store, StoreDown
from model.event import Answer
from model.links import ALPHABET, LENGTH

log = logging.getLogger("tidings.inbound")
CODE = re.compile(rf"([{ALPHABET}]{{{LENGTH}}})[.,;:!?)\]}}'\"/…»”]*")
"""A code, and what stood behind it in a sentence."""

PROGRAMS = {
    # what a User-Agent holds, in small letters -> whose program that is
    "facebookexternalhit": "Apple Messages (with Twitterbot beside it), Facebook, Instagram, Threads",
    "facebot": "Apple Messages, Facebook",
    "meta-externalfetcher": "Meta",
    "whatsapp": "WhatsApp",
    "googlemessages": "Google Messages (Google's list of user-triggered fetchers, 2026-01)",
    "telegrambot": "Telegram",
    "twitterbot": "X, Apple Messages",
    "slackbot": "Slack",
    "slack-imgproxy": "Slack",
    "discordbot": "Discord",
    "linkedinbot": "LinkedIn",
    "skypeuripreview": "Skype, Microsoft Teams",
    "viber": "Viber",
    "line-poker": "LINE",
    "kakaotalk-scrap": "KakaoTalk",
    "snap url preview": "Snapchat",
    "pinterestbot": "Pinterest",
    "redditbot": "Reddit",
    "mattermost-bot": "Mattermost",
    "rocket.chat": "Rocket.Chat",
    "synapse": "Matrix",
    "iframely": "previews made for others",
    "embedly": "previews made for others",
    "google-pagerenderer": "Google",
    "google-read-aloud": "Google",
    "google-safety": "Google, which looks for malware",
    "google-inspectiontool": "Google",
    "barracuda": "a filter of messages",
    "proofpoint": "a filter of messages",
    "mimecast": "a filter of messages",
    "virustotal": "a scanner",
    "urlscan": "a scanner",
    "censys": "a scanner",
    "headlesschrome": "a browser without a person",
    "phantomjs": "a browser without a person",
    "bot": "whatever calls itself a bot",
    "crawler": "whatever calls itself one",
    "spider": "whatever calls itself one",
    "preview": "whatever says that it makes previews",
    "scanner": "whatever calls itself one",
    "curl/": "a tool",
    "wget/": "a tool",
    "python-": "a program",
    "python/": "a program",
    "aiohttp": "a program",
    "go-http-client": "a program",
    "java/": "a program",
    "okhttp": "a program on a phone, such as one that makes previews",
    "dalvik/": "a program on a phone, such as one that makes previews",
    "cfnetwork": "a program on a phone, such as one that makes previews",
    "node-fetch": "a program",
    "axios/": "a program",
    "libwww": "a program",
    "headless": "a browser without a person",
}  # fmt: skip
"""Programs that look at links before, or instead of, people. Read 2026-11 in the pages of those who run them, as far as
they have any; the rest are words such programs use for themselves."""

AHEAD = ("sec-purpose", "purpose", "x-purpose", "x-moz")
"""Headers in which a browser says that it asks ahead of its user (Fetch standard, Safari, Firefox)."""

PRIVATE = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "x-content-type-options": "nosniff",
}
PAGE = """<!doctype html><html lang="{language}"><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1.5rem}}</style>
<h1>{title}</h1><p>{text}</p></html>
"""
WORDS = {
    404: {
        "en": ("This link is not known", "Please see whether it was copied whole from the message."),
        "de": ("Dieser Link ist nicht bekannt", "Bitte prüfen Sie, ob er vollständig aus der Nachricht stammt."),
    },
    410: {
        "en": ("This link has ended", "If you still need it, please answer the message or ask its sender."),
        "de": ("Dieser Link ist abgelaufen", "Bitte wenden Sie sich an den Absender der Nachricht."),
    },
    405: {
        "en": ("This is a link", "It can be opened and nothing else."),
        "de": ("Das ist ein Link", "Er lässt sich nur öffnen."),
    },
    503: {
        "en": ("Please try again in a minute", "The link is right; it cannot be opened just now."),
        "de": ("Bitte versuchen Sie es gleich noch einmal", "Der Link stimmt; er lässt sich gerade nicht öffnen."),
    },
}


@dataclass(slots=True)
class LinkDoor:
    """Answers who follows a link."""

    store: Store
    clock: Callable[[], datetime]
    clicks: Clicks

    def follow(self, method: str, code: str, headers: Mapping[str, str]) -> Answer:
        """Lead on, or say on a page why not. `headers` have names in small letters."""
        if method not in {"GET", "HEAD"}:
            return _page(405, headers, {"allow": "GET, HEAD"})
        found = CODE.fullmatch(code)
        if found is None:
            return _page(404, headers)
        now = self.clock()
        try:
            with self.store.read() as tx:
                target = links.leads_to(tx, found[1], now)
        except StoreDown as error:
            log.error("store down", extra={"detail": str(error)})
            return _page(503, headers, {"retry-after": "30"})
        if not target:
            return _page(404 if target is None else 410, headers)
        if method == "GET":
            self.clicks.note(found[1], now, by_program=is_program(headers))
        return Answer(status=302, body="", headers={**PRIVATE, "location": target})


def is_program(headers: Mapping[str, str]) -> bool:
    """Tell whether a program asks, not a person: by its name, by having none, or because it asks ahead."""
    agent = headers.get("user-agent", "").lower().replace("cubot", "")  # a maker of phones
    ahead = any("prefetch" in headers.get(name, "").lower() or "preview" in headers.get(name, "").lower()
                for name in AHEAD)  # fmt: skip
    return not agent or ahead or any(name in agent for name in PROGRAMS)


def _page(status: int, headers: Mapping[str, str], more: Mapping[str, str] | None = None) -> Answer:
    language = "de" if headers.get("accept-language", "").lower().startswith("de") else "en"
    title, text = WORDS[status][language]
    return Answer(
        status=status, body=PAGE.format(language=language, title=title, text=text),
        content_type="text/html; charset=utf-8",
        headers={**PRIVATE, "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'", **(more or {})},
    )  # fmt: skip
