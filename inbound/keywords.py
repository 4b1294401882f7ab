"""What a reply wants: stop, start, help, or something for a person. The words are data, by language.

Sources: 47 CFR 64.1200(a)(10) (stop, quit, end, revoke, opt out, cancel, unsubscribe), Twilio advanced opt-out, AWS
required keywords, read 2026-10.
"""

from __future__ import annotations

import re
import unicodedata

STOP = frozenset(
    {
        "stop", "stopall", "stop all", "unsubscribe", "end", "quit", "cancel", "revoke", "optout", "opt out", "opt-out",
        "remove", "arret", "td",  # en, fr (CA)
        "stopp", "abmelden", "abbestellen", "ende",  # de
        "alto", "baja", "parar", "cancelar",  # es, pt
        "desabonner", "arreter", "stop sms",  # fr
        "ferma", "annulla", "disiscrivi",  # it
        "afmelden", "uitschrijven",  # nl
    }
)  # fmt: skip
START = frozenset({"start", "unstop", "subscribe", "starten", "anmelden", "reprendre", "alta"})
HELP = frozenset({"help", "info", "hilfe", "aide", "ayuda", "aiuto"})
FUZZY_STOP = re.compile(r"\b(?:stop|unsubscribe|opt[ -]?out)\b")


def intent(text: str) -> str:
    """Return `stop`, `start`, `help`, `stop?` (a longer text that asks to stop: suppress and show), or `other`."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(c for c in folded if not unicodedata.combining(c))
    words = " ".join(re.sub(r"[^\w\s-]", " ", plain).split())
    for name, known in (("stop", STOP), ("start", START), ("help", HELP)):
        if words in known:
            return name
    return "stop?" if FUZZY_STOP.search(words) else "other"
