"""Words the checker looks for in texts, by what they lead to. Data only.

Sources: 47 CFR 64.1200(a)(10), the default keywords of Twilio, Braze and OneSignal (opt-out and opt-in), the CTIA
Messaging Principles (public shorteners), read 2026-10.
"""

from __future__ import annotations

REPLY_VERBS = (
    "reply", "replying", "answer", "respond", "text", "send", "write",  # en
    "antwort", "antworte", "antworten sie", "antworten", "sende", "senden sie", "schreiben sie", "schreibe",  # de
    "répondez", "réponds", "envoyez",  # fr
    "responde", "responda", "envía", "envíe",  # es, pt
    "rispondi", "invia",  # it
    "antwoord", "stuur",  # nl
)  # fmt: skip
REPLY_LINKS = ("with", "back", "the word", "mit", "das wort", "par", "avec", "con", "com", "met")
RESERVED = {
    "CANCEL": "stops every further text to this person",
    "END": "stops every further text to this person",
    "QUIT": "stops every further text to this person",
    "STOP": "stops every further text to this person",
    "YES": "counts as an opt-in, also after an opt-out",
}
"""What carriers and gateways make of a reply, before any rule sees it."""

OPT_OUT = (
    "stop", "unsubscribe", "opt out", "opt-out", "optout", "opting out",  # en
    "abmelden", "abmeldung", "abbestellen", "austragen",  # de
    "désabonner", "désinscrire", "desabonner", "desinscrire",  # fr
    "baja", "cancelar la suscripción", "sair", "descadastrar",  # es, pt
    "disiscriviti", "annullare l'iscrizione",  # it
    "afmelden", "uitschrijven",  # nl
)  # fmt: skip
OPT_OUT_LINES = {
    "en": "Reply STOP to opt out",
    "de": "Abmelden: Antwort STOP",
    "fr": "STOP pour se désabonner",
    "es": "Responda STOP para darse de baja",
    "pt": "Responda STOP para sair",
    "it": "Rispondi STOP per disiscriverti",
    "nl": "Afmelden: antwoord STOP",
}
"""What `{{ opt_out }}` writes, by language. STOP is understood everywhere, by carriers and by wire/keywords.py."""


def opt_out_in(locale: str) -> str:
    """Return how a text in this language says how to end it; English where there are no words for it."""
    return OPT_OUT_LINES.get(locale.replace("_", "-").partition("-")[0].lower(), OPT_OUT_LINES["en"])


SHORTENERS = (
    "bit.ly", "bitly.com", "tinyurl.com", "t.co", "goo.gl", "ow.ly", "is.gd", "v.gd", "buff.ly", "cutt.ly", "rb.gy",
    "rebrand.ly", "shorturl.at", "t.ly", "tiny.cc", "lnkd.in", "s.id", "shrtco.de", "bl.ink", "soo.gd",
)  # fmt: skip
HEALTH = (
    "diagnosis", "diagnosed", "prescription", "test result", "test results", "lab result", "lab results", "hiv",
    "std", "cancer", "oncology", "chemotherapy", "psychiatric", "psychiatrist", "psychotherapy", "addiction",
    "rehab", "pregnancy", "abortion", "fertility", "surgery", "medication", "biopsy",  # en
    "diagnose", "rezept vom arzt", "befund", "laborbefund", "krebs", "onkologie", "chemotherapie", "psychiatrie",
    "psychotherapie", "suchtberatung", "schwangerschaft", "operation", "medikament", "medikamente", "biopsie",  # de
)  # fmt: skip
CARD_FIELDS = ("pan", "cvv", "cvc", "card_number", "cardnumber", "card.number", "iban", "account_number")
"""Last words of fields that hold what must not be texted."""
