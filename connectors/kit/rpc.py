"""Calling procedures of a system from afar: JSON-RPC 2.0 and XML-RPC."""

from __future__ import annotations

import xmlrpc.client
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import ParseError
from xml.parsers.expat import ExpatError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from connectors.base import AskFailed, Http
from connectors.kit import ask
from wire import reading
from wire.http import Call


def json_call(http: Http, url: str, params: Mapping[str, Any], system: str) -> Any:
    """Call by JSON-RPC and return the result. Raises AskFailed, also for the errors that come with status 200."""
    body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
    answer = ask.for_object(http, Call(method="POST", url=url, json=body), system)
    if reading.dig(answer, "error"):
        raise AskFailed(f"{system} answered {reading.text(answer, 'error.data.name')[:80] or 'an error'}.")
    return answer.get("result")


def xml_call(http: Http, url: str, method: str, args: Sequence[Any], system: str) -> Any:
    """Call by XML-RPC and return the result. Raises AskFailed, also for faults."""
    body = xmlrpc.client.dumps(tuple(args), method, allow_none=True).encode()
    call = Call(method="POST", url=url, headers={"Content-Type": "text/xml"}, body=body)
    return _from_xml(ask.send(http, call, system).body, system)


def _from_xml(body: bytes, system: str) -> Any:
    """Read an answer; defusedxml refuses entities before the standard library sees them."""
    try:
        fromstring(body)
        found = xmlrpc.client.loads(body, use_builtin_types=True)[0]
    except xmlrpc.client.Fault as fault:
        raise AskFailed(f"{system} answered fault {str(fault.faultCode)[:20]}.") from None
    except (xmlrpc.client.Error, DefusedXmlException, ParseError, ExpatError, ValueError, TypeError, IndexError):
        raise AskFailed(f"{system}'s answer cannot be read.") from None
    return found[0] if found else None
