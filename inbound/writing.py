"""Telling a source what somebody answered (dispatch.replying writes through this): the mirror image of a look-up."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from connectors.base import AskFailed, WriteBack
from inbound.sources import Source
from model.event import Event
from model.reasons import Gone, Unreachable
from model.sending import Change
from wire.http import Client, Forbidden, NotSent, Unclear

log = logging.getLogger("tidings.inbound")


@dataclass(frozen=True, slots=True)
class Writing:
    """Writes a change to the record behind an event, at the hosts its connector names and nowhere else."""

    sources: Mapping[str, Source]

    def __call__(self, event: Event, change: Change, now: datetime) -> None:
        """Write once. Raises Unreachable (trying again can help) or Gone (it cannot)."""
        source = self.sources.get(event.source)
        if source is None or not hasattr(source.connector, "write_back"):
            raise Gone(f"{event.source} cannot be written to")
        http = Client(hosts=tuple(source.connector.hosts), read=10.0)
        try:
            cast("WriteBack", source.connector).write_back(event, change, http, now)
        except AskFailed as failure:
            raise (Gone if failure.permanent else Unreachable)(str(failure)) from None
        except Forbidden as failure:
            raise Gone(str(failure)) from None
        except (NotSent, Unclear) as failure:
            raise Unreachable(str(failure)) from None
        except Exception as error:
            log.exception("write back failed", extra={"event": event.id, "source": event.source})
            raise Gone(f"{type(error).__name__} in the connector") from None
