"""Every route of the API. A new resource is a module with ROUTES, and one row here."""

from __future__ import annotations

from web.api import (
    about,
    campaigns,
    consent,
    conversations,
    events,
    gateways,
    lists,
    messages,
    reports,
    rules,
    sources,
    verifications,
    webhooks,
)

RESOURCES = {
    "events": events, "messages": messages, "verifications": verifications, "lists": lists,
    "campaigns": campaigns, "rules": rules, "consent": consent,
    "reports": reports, "conversations": conversations, "gateways": gateways, "sources": sources,
    "webhooks": webhooks, "about": about,
}  # fmt: skip
ROUTES = tuple(route for module in RESOURCES.values() for route in module.ROUTES)
