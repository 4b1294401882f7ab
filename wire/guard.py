"""Which addresses a URL that people typed in may lead to. Without this, "call me back at ..." reaches our own network.

The name is resolved here and the connection is made to the very address that was looked at, so a name that answers
differently a moment later gains nothing. TLS and the Host header still speak of the name.
Ranges: IANA special-purpose address registries (IPv4, IPv6), read 2026-10; 168.63.129.16 is Azure's host agent.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

Resolve = Callable[[str, int], Sequence[str]]
Address = IPv4Address | IPv6Address

NEVER = {
    "0.0.0.0/8": "this network",
    "169.254.0.0/16": "link-local, where clouds answer with credentials",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relay",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "168.63.129.16/32": "a cloud's host agent",
    "100.100.100.200/32": "a cloud's metadata",
    "192.0.0.192/32": "a cloud's metadata",
    "::/128": "unspecified",
    "fd00:ec2::254/128": "a cloud's metadata",
    "fd20:ce::254/128": "a cloud's metadata",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
    "64:ff9b:1::/48": "local translation",
    "100::/64": "discard",
    "2001::/23": "reserved and tunnels",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "3fff::/20": "documentation",
}
"""No business system lives there, so `private` does not open these."""

PRIVATE = {
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared by a carrier (CGNAT)",
    "127.0.0.0/8": "this machine",
    "172.16.0.0/12": "private",
    "192.168.0.0/16": "private",
    "::1/128": "this machine",
    "fc00::/7": "unique-local",
}
_NEVER = [(ip_network(network), said) for network, said in NEVER.items()]
_PRIVATE = [(ip_network(network), said) for network, said in PRIVATE.items()]
_GLOBAL = IPv6Network("2000::/3")
_NAT64 = IPv6Network("64:ff9b::/96")


class Forbidden(Exception):  # noqa: N818 - names the outcome
    """The host is not one this connection may reach."""


def forbidden(address: str, *, private: bool = False) -> str:
    """Say why an address may not be reached; "" when it may. `private` opens private networks and this machine."""
    try:
        found: Address = ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(found, IPv6Address):
        if found.scope_id:
            return "an address with a zone"
        found = _embedded(found)
    return _why(found, private=private)


def _why(address: Address, *, private: bool) -> str:
    for ranges, opened in ((_NEVER, False), (_PRIVATE, private)):
        for network, said in ranges:
            if network.version == address.version and address in network:
                return "" if opened else said
    return "reserved" if isinstance(address, IPv6Address) and address not in _GLOBAL else ""


def _embedded(address: IPv6Address) -> Address:
    """Return the IPv4 address that a mapped or translated one stands for: the packet ends there."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address


def bad_url(url: str, *, private: bool = False) -> str:
    """Say what is wrong with an address to call, as far as its spelling tells; "" when nothing is."""
    if re.search(r"[\x00-\x20\x7f\\]", url):
        return "it holds a space, a control character or a backslash"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "it is not a URL"
    if parts.scheme not in {"https", "http"} or (parts.scheme == "http" and not private):
        return "it must begin with https://"
    if not host or port == 0:
        return "it names no host" if not host else "its port is 0"
    if parts.username is not None or parts.password is not None:
        return "it holds a user name or password"
    if parts.fragment:
        return "it holds a #"
    return _bad_host(host, private=private)


def _bad_host(host: str, *, private: bool) -> str:
    bare = host.rstrip(".")
    try:
        ip_address(bare)
    except ValueError:
        pass
    else:
        why = forbidden(bare, private=private)
        return f"{bare} is {why}" if why else ""
    if re.fullmatch(r"(?:0x[0-9a-f]*|[0-9]+)(?:\.(?:0x[0-9a-f]*|[0-9]+))*", bare):  # 2130706433, 0177.1, 0x7f.1
        return f"{bare} is an address in an odd spelling"
    if not private and (bare == "localhost" or bare.endswith(".localhost")):
        return f"{bare} is this machine"
    return ""


def lookup(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


@dataclass(frozen=True, slots=True)
class Guard:
    """Decides, for each new connection, to which of a host's addresses it is made."""

    private: bool = False
    resolve: Resolve = lookup

    def addresses(self, host: str, port: int) -> list[str]:
        """Return the addresses of a host that may be reached. Raises Forbidden, or OSError when there are none."""
        found = list(dict.fromkeys(self.resolve(host, port)))
        refused = {address: why for address in found if (why := forbidden(address, private=self.private))}
        open_ = [address for address in found if address not in refused]
        if refused and not open_:
            address, why = next(iter(refused.items()))
            raise Forbidden(f"{host} leads to {address}, which is {why}")
        return open_


def connect(connection: HTTPConnection, guard: Guard) -> socket.socket:
    """Open a socket to the first checked address that answers; urllib3's own errors tell what happened."""
    timeout = connection.timeout if isinstance(connection.timeout, int | float) else None
    trouble: OSError = OSError("no address")
    try:
        for address in guard.addresses(connection.host, connection.port):
            try:
                opened = socket.create_connection((address, connection.port), timeout)
                opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # as urllib3 does: no wait before the body
                return opened
            except OSError as error:
                trouble = error
    except (OSError, UnicodeError) as error:  # the resolver: no such name, or a name that cannot be one
        raise NewConnectionError(connection, type(error).__name__) from error
    if isinstance(trouble, TimeoutError):
        raise ConnectTimeoutError(connection, "timed out") from None
    raise NewConnectionError(connection, type(trouble).__name__) from trouble
