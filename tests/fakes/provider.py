"""The scripted provider with which gateways are certified, for the tests that want one."""

from certify.provider import Provider, Seen, closed_port, provider

__all__ = ["Provider", "Seen", "closed_port", "provider"]
