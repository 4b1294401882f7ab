"""Short links in texts: which domain they are of, what they may lead to, and the links of one text. Pure.

Only what a text was written with is ever followed, so what is refused here is refused for good: addresses that are not
of the web, that hide their host from the reader, or that lead back to the domain of the short links itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import SplitResult, quote, urlsplit, urlunsplit

from model.links import PATH, PLACEHOLDER, Link
from rules.filters import TemplateFault

LONGEST = 1_900
"""Characters of an address. Some browsers and proxies take no more than 2,048, and a field of an event is cut at 2,000:
what was cut must not pass for an address.
"""

MOST = 10
"""Links of one text; more fit into none."""

HOST = re.compile(r"[a-z0-9](?:[a-z0-9._-]*[a-z0-9.])?|[0-9a-f:.]+")
KEPT = "%!$&'()*+,;=:@/?~#[]-._"
"""What an address may be written with; everything else is written by its bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """How a rule makes links short: `domain` such as https://t.example, how long they lead on, and to which `hosts`
    (and those below them) they may lead; none named, any.
    """

    domain: str
    expires: timedelta = timedelta(days=90)
    hosts: tuple[str, ...] = ()

    def target(self, address: str) -> str:
        """Return an address as it is kept, in ASCII. Raises TemplateFault, which never repeats the address."""
        if len(address) > LONGEST:
            raise TemplateFault(f"The address of a link is longer than {LONGEST:,} characters.")
        if any(ord(char) <= 32 or ord(char) == 127 or char == "\\" for char in address):
            raise TemplateFault("The address of a link holds a space, a backslash or a control character.")
        try:
            parts = urlsplit(address)
            host, _ = (parts.hostname or "").encode("idna").decode(), parts.port
        except ValueError:  # no number for a port, brackets that do not close, no name of a host
            raise TemplateFault("What is to become a short link is no address.") from None
        self._check(parts, host)
        return _written(parts, host)

    def _check(self, parts: SplitResult, host: str) -> None:
        if parts.scheme not in {"http", "https"} or not host:
            raise TemplateFault("A link begins with https:// or http:// and the name of a host.")
        if "@" in parts.netloc:
            raise TemplateFault("The address of a link names a user before its host, which hides where it leads.")
        if not HOST.fullmatch(host):
            raise TemplateFault("What a link leads to has no name that could be a host.")
        if host.rstrip(".") == urlsplit(self.domain).hostname:
            raise TemplateFault(f"A short link must not lead to {host} again.")
        if self.hosts and not any(host == one or host.endswith(f".{one}") for one in self.hosts):
            raise TemplateFault(f"Links to {host[:80]} are not among the hosts that the rule allows.")

    def short(self, code: str) -> str:
        """Return the address that is texted."""
        return f"{self.domain}{PATH}{code}"


def _written(parts: SplitResult, host: str) -> str:
    netloc = f"[{host}]" if ":" in host else host
    netloc += f":{parts.port}" if parts.port is not None else ""
    path, query, fragment = (quote(part, safe=KEPT) for part in (parts.path, parts.query, parts.fragment))
    return urlunsplit((parts.scheme, netloc, path or "/", query, fragment))


@dataclass(slots=True)
class Shortening:
    """The links of one text while it is written: the same address twice is one link.

    `new_code` gives each its code, `hidden` are values that are not kept, so no link may hold one.
    """

    links: Links
    new_code: Callable[[str], str]
    hidden: Iterable[str] = ()
    made: dict[str, str] = field(default_factory=dict)

    def __call__(self, address: str) -> str:
        """Return the short link for an address. Raises TemplateFault."""
        target = self.links.target(address)
        if any(one in address for one in self.hidden):
            raise TemplateFault("The address holds a field that is not kept (redact), so it cannot become short.")
        if target not in self.made:
            if len(self.made) >= MOST:
                raise TemplateFault(f"A text has at most {MOST} short links.")
            self.made[target] = self.new_code(target)
        return self.links.short(self.made[target])

    def kept(self, due: datetime) -> tuple[Link, ...]:
        """Return the links as the message keeps them; they end so long after it is due."""
        expires = due + self.links.expires
        return tuple(Link(code=code, target=target, expires_at=expires) for target, code in self.made.items())


def dry(links: Links | None) -> Callable[[str], str]:
    """Return what stands for short links where addresses are made up: as long as a real one."""
    domain = links.domain if links else ""
    return lambda _address: f"{domain}{PATH}{PLACEHOLDER}"
