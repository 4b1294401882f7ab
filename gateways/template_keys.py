"""The keys a file of gateways/*.yaml may hold: each declared once with its shape and a sentence for the docs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from model.message import State
from model.sending import ErrorClass, Outcome

HOLE = re.compile(r"\{\{\s*([\w.]+)\s*(\|\s*int\s*)?\}\}")
"""A placeholder."""

Shape = Callable[[str, Any], Iterator[str]]


@dataclass(frozen=True, slots=True)
class Key:
    """One key a section may hold: its shape, the sentence for the docs, and whether it must be there."""

    shape: Shape
    text: str
    required: bool = False


def nearest(name: str, known: set[str]) -> str:
    """Guess which known name was meant."""
    close = get_close_matches(name, known, n=1)
    return f", did you mean {close[0]}?" if close else ""


def _text(where: str, value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{where}: must be a text"


def _tree(where: str, value: Any) -> Iterator[str]:
    """Anything JSON can say, with placeholders."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in children:
        yield from _tree(f"{where}.{name}", child)
    if not isinstance(value, str | int | dict | list | None):
        yield f"{where}: must be a text, a whole number, a truth value, a list or a mapping"
    if isinstance(value, str) and "{{" in HOLE.sub("", value):
        yield f"{where}: a placeholder looks like {{{{ name }}}}"


def _like(pattern: str, says: str) -> Shape:
    def shape(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, str) or not re.fullmatch(pattern, value):
            yield f"{where}: must be {says}"

    return shape


def _choice(*words: str) -> Shape:
    def shape(where: str, value: Any) -> Iterator[str]:
        if value not in words:
            yield f"{where}: {value!r} is none of {', '.join(words)}{nearest(str(value), set(words))}"

    return shape


def _many(item: Shape) -> Shape:
    """A list, or one item where a list would be a bore."""

    def shape(where: str, value: Any) -> Iterator[str]:
        for index, one in enumerate(value) if isinstance(value, list) else [("", value)]:
            yield from item(f"{where}[{index}]" if index != "" else where, one)

    return shape


def _table(item: Shape) -> Shape:
    def shape(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: must be a mapping"
            return
        for name, one in value.items():
            yield from item(f"{where}.{name}", one)

    return shape


def _section(**keys: Key) -> Shape:
    known = {name.rstrip("_"): key for name, key in keys.items()}

    def shape(where: str, value: Any) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{where}: must be a mapping"
            return
        dot = f"{where}." if where else ""
        for name in value.keys() - known.keys():
            yield f"{dot}{name}: unknown key{nearest(str(name), set(known))}"
        for name, key in known.items():
            if name in value:
                yield from key.shape(f"{dot}{name}", value[name])
            elif key.required:
                yield f"{dot}{name}: is missing"

    return shape


_number = _like(r"\d{1,9}", "a whole number")
_path = _like(r"/?[^/{}]*", "a dotted path, with / in front for the root of the answer")
_status = _like(r"[1-5]\d\d", "an HTTP status")
_http = _like(r"[1-5]\d\d|[1-5]xx|[1-5]\d\d-[1-5]\d\d", "an HTTP code (404), a class (5xx) or a range (400-499)")
_class = _choice(*(error.code for error in ErrorClass if error is not ErrorClass.NONE))
_state = _choice(*(state.code for state in State if state.rank >= State.ACCEPTED.rank))
_later = {state for state in State if state.rank >= State.ACCEPTED.rank and state is not State.DELIVERED}
_undelivered = _choice(*(state.code for state in _later))
_only = _section(
    path=Key(_path, "Where the word stands.", required=True),
    in_=Key(_many(_text), "The words that count.", required=True),
)
_verify = _section(
    type=Key(_choice("none", "hmac", "basic", "jwt"), "How a callback is proved genuine.", required=True),
    header=Key(_text, "The header with the signature or token."),
    claims=Key(_choice("body", "time"), "What a token says: the fields of the body, or only its own time."),
    signed=Key(_text, "What is signed: {body}, {timestamp}, {url}, {method} and text between."),
    digest=Key(_choice("sha1", "sha256", "sha512"), "The digest."),
    encoding=Key(_choice("hex", "base64"), "How the signature is written."),
    prefix=Key(_text, "What stands before the signature."),
    timestamp_header=Key(_text, "The header with the time."),
    tolerance=Key(_number, "Seconds the time may differ from ours."),
    secret=Key(_text, "The option that holds the key."),
    username=Key(_text, "The option that holds the user name."),
    password=Key(_text, "The option that holds the password."),
)
_ack = _section(
    status=Key(_status, "The HTTP status the provider wants to hear."),
    body=Key(_text, "The body it wants to hear."),
    content_type=Key(_text, "Its content type."),
)
_time = _section(
    path=Key(_path, "Where the time stands.", required=True),
    format=Key(_choice("iso", "unix", "unix_ms"), "How it is written.", required=True),
    zone=Key(_choice("utc"), "The zone of times that state none; left out, such times are not used."),
)
_body = Key(_choice("form", "json", "query"), "Where the fields are.", required=True)
_list = Key(_path, "The list of entries; `.` when the body itself is the list.")

_message = _table(_text)
_wire = _section(
    method=Key(_text, "GET or POST."),
    path=Key(_text, "The path.", required=True),
    query=Key(_table(_text), "The query."),
    headers=Key(_table(_text), "Headers that must be there."),
    form=Key(_table(_text), "The form."),
    json=Key(_text, "The JSON body, as JSON text."),
)
_answer = _section(
    status=Key(_status, "The HTTP status.", required=True),
    headers=Key(_table(_text), "Headers."),
    body=Key(_text, "The body, as it is."),
)
_result = _section(
    outcome=Key(_choice(*(outcome.value for outcome in Outcome)), "The outcome.", required=True),
    error=Key(_choice(*(error.code for error in ErrorClass)), "The error class."),
    provider_id=Key(_text, "The provider's id."),
    code=Key(_text, "The provider's code."),
    segments=Key(_number, "Billed segments."),
    cost=Key(_text, "The price."),
    currency=Key(_text, "Its currency."),
    retry_after=Key(_number, "Seconds to wait."),
)
_callback = _section(
    method=Key(_text, "GET or POST."),
    url=Key(_text, "The public address that was called."),
    query=Key(_table(_text), "The query."),
    headers=Key(_table(_text), "Headers."),
    body=Key(_text, "The body, as it is."),
)
_receipt_facts = _section(
    state=Key(_state, "The state.", required=True),
    provider_id=Key(_text, "The provider's id."),
    message_id=Key(_text, "Our id."),
    raw_status=Key(_text, "The provider's word."),
    error_code=Key(_text, "The provider's error code."),
    error=Key(_choice(*(error.code for error in ErrorClass)), "The error class."),
    at=Key(_text, "The time, ISO 8601."),
    part=Key(_text, "The part of a long text."),
    cost=Key(_text, "The price."),
    currency=Key(_text, "Its currency."),
)
_reply_facts = _section(
    id=Key(_text, "The provider's id.", required=True),
    number=Key(_text, "Their number.", required=True),
    to=Key(_text, "Our number."),
    text=Key(_text, "The text."),
    at=Key(_text, "The time, ISO 8601."),
    opt_out=Key(_choice("yes"), "Whether it is a wish to stop."),
)
_balance_sample = _section(
    request=Key(_wire, "What must be on the wire.", required=True),
    answer=Key(_answer, "What the provider answers.", required=True),
    shown=Key(_text, "What people read.", required=True),
)
_case = Key(_text, "What this sample shows, as a sentence.", required=True)
SAMPLES = _section(
    provenance=Key(_text, "Where the samples come from.", required=True),
    settings=Key(_table(_tree), "Settings of the gateway."),
    submit=Key(
        _many(
            _section(
                case=_case,
                settings=Key(_table(_tree), "Settings that differ from the file's."),
                message=Key(_message, "Fields of the submission that differ from the harness's own."),
                request=Key(_wire, "What must be on the wire."),
                answer=Key(_answer, "What the provider answers."),
                result=Key(_result, "What must come of it.", required=True),
            )
        ),
        "Texts handed over.",
        required=True,
    ),
    receipts=Key(
        _many(
            _section(
                case=_case,
                incoming=Key(_callback, "The callback.", required=True),
                receipts=Key(_many(_receipt_facts), "The receipts in it.", required=True),
            )
        ),
        "Receipts.",
    ),
    replies=Key(
        _many(
            _section(
                case=_case,
                incoming=Key(_callback, "The callback.", required=True),
                replies=Key(_many(_reply_facts), "The replies in it.", required=True),
            )
        ),
        "Texts from phones.",
    ),
    balance=Key(_balance_sample, "What is left on the account."),
)
OPTIONS = _table(
    _section(
        text=Key(_text, "A sentence for the operator.", required=True),
        secret=Key(_choice("yes", "no"), "Whether it must never be shown."),
        required=Key(_choice("yes", "no"), "Whether sending is impossible without it."),
        default=Key(_text, "Its value when the operator states none."),
        fills=Key(_like(r"\w+(\.\w+)*", "a dotted place"), "The place of this file the value is put into."),
    )
)
FILE = _section(
    gateway=Key(_like(r"[a-z0-9_]+", "a name of small letters, digits and _"), "The file's own name.", required=True),
    version=Key(_choice("1"), "The version of this language.", required=True),
    title=Key(_text, "The provider's name as people write it.", required=True),
    docs=Key(_text, "The vendor's page and the date it was read.", required=True),
    unverified=Key(_text, "What nobody could check yet; shown to the operator."),
    base_url=Key(
        _like(r"https?://[^/{}?#@]+(/[^{}?#]*[^/{}?#])?", "an address without / at its end"),
        "The provider's address; the option base_url overrides it.",
        required=True,
    ),
    options=Key(
        OPTIONS,
        "Settings in tidings.toml.",
    ),
    auth=Key(
        _section(
            type=Key(_choice("none", "basic", "bearer", "header", "query", "hmac"), "The kind.", required=True),
            username=Key(_tree, "For basic."),
            password=Key(_tree, "For basic."),
            token=Key(_tree, "For bearer, header and query."),
            name=Key(_text, "The header or query parameter."),
            secret=Key(_text, "For hmac: the option that holds the key."),
            signed=Key(_text, "For hmac: {body}, {timestamp}, {url}, {method} and text between."),
            digest=Key(_choice("sha1", "sha256", "sha512"), "For hmac."),
            encoding=Key(_choice("hex", "base64"), "For hmac."),
            prefix=Key(_text, "For hmac: what stands before the signature."),
            timestamp_header=Key(_text, "For hmac: the header that carries the time."),
        ),
        "How we show who we are.",
        required=True,
    ),
    limits=Key(
        _section(
            max_segments=Key(_number, "Longest text the provider takes."),
            min_validity_seconds=Key(_number, "Shortest validity."),
            max_validity_seconds=Key(_number, "Longest validity."),
        ),
        "What the provider can take.",
    ),
    number_format=Key(_choice("e164", "digits"), "How numbers are written: +44... or 44...", required=True),
    encoding=Key(
        _section(
            gsm=Key(_text, "The word for GSM-7.", required=True),
            unicode=Key(_text, "The word for UCS-2.", required=True),
        ),
        "Words of the encoding flag, where we must set one.",
    ),
    client_ref=Key(_section(max=Key(_number, "Longest reference.", required=True)), "Our id at the provider."),
    idempotency=Key(
        _section(
            type=Key(_choice("text", "int32"), "How the key is written.", required=True),
            repeat=Key(
                _choice("documented", "unverified"),
                "Whether the provider documents that a repeated {{ key }} is recognised; only then are texts repeated.",
                required=True,
            ),
        ),
        "The provider may recognise a repeated {{ key }}.",
    ),
    send=Key(
        _section(
            method=Key(_choice("GET", "POST", "PUT"), "The HTTP method.", required=True),
            path=Key(_tree, "The path below base_url.", required=True),
            query=Key(_table(_tree), "Query parameters."),
            headers=Key(_table(_tree), "Headers."),
            form=Key(_table(_tree), "A form body."),
            json=Key(_tree, "A JSON body."),
        ),
        "The request.",
        required=True,
    ),
    response=Key(
        _section(
            http=Key(_many(_http), "Codes of success; 2xx unless stated."),
            results=Key(_path, "The list of results; `.` when the answer itself is the list."),
            match=Key(_path, "The field of a result that holds the number."),
            accepted=Key(_only, "The words that mean accepted."),
            id=Key(_path, "The provider's id.", required=True),
            parts=Key(_path, "How many segments are billed."),
            price=Key(
                _section(
                    value=Key(_path, "The amount.", required=True),
                    currency=Key(_path, "Its currency."),
                    scale=Key(_like(r"10*", "1, 10, 100 and so on"), "How many of it make one unit of the currency."),
                ),
                "The price.",
            ),
        ),
        "How an accepted text looks.",
        required=True,
    ),
    errors=Key(
        _many(
            _section(
                http=Key(_many(_http), "HTTP codes."),
                path=Key(_path, "Where the word stands."),
                in_=Key(_many(_text), "The words."),
                class_=Key(_class, "What kind of no it is.", required=True),
                text=Key(_text, "The sentence people read."),
                retry_after=Key(_like(r"header|\d{1,4}", "`header` or seconds"), "How long to wait."),
            )
        ),
        "How a no looks; the first row that fits counts.",
        required=True,
    ),
    receipt=Key(
        _section(
            body=_body,
            list=_list,
            only=Key(_only, "Which entries are receipts."),
            verify=Key(_verify, "How callbacks are proved genuine, texts from phones too."),
            id=Key(_many(_path), "The provider's id; of several places the first that holds one.", required=True),
            ref=Key(_path, "Our id."),
            status=Key(
                _section(
                    path=Key(_many(_path), "The status; several paths are joined by dots.", required=True),
                    map=Key(_table(_state), "The provider's words.", required=True),
                    default=Key(_undelivered, "For words not in the map; unconfirmed unless stated."),
                ),
                "The status.",
                required=True,
            ),
            error=Key(
                _section(
                    path=Key(_path, "The error code.", required=True),
                    map=Key(_table(_class), "What kind of error each code is."),
                ),
                "The error.",
            ),
            time=Key(_time, "The time."),
            part=Key(_path, "The part of a long text."),
            ack=Key(_ack, "What the provider wants to hear."),
        ),
        "Receipts.",
    ),
    inbound=Key(
        _section(
            body=_body,
            list=_list,
            only=Key(_only, "Which entries are texts from phones."),
            id=Key(_path, "The provider's id.", required=True),
            from_=Key(_path, "Their number.", required=True),
            to=Key(_path, "Our number."),
            text=Key(_path, "The text.", required=True),
            charset=Key(_path, "Where it stands in which charset the text is written as %-escapes."),
            time=Key(_time, "The time."),
            opt_out=Key(_only, "The provider's own word for a wish to stop."),
        ),
        "Texts from phones.",
    ),
    balance=Key(
        _section(
            path=Key(_tree, "The path below base_url, asked by GET.", required=True),
            query=Key(_table(_tree), "Query parameters."),
            headers=Key(_table(_tree), "Headers."),
            value=Key(_path, "The amount, with its currency in front or not.", required=True),
            currency=Key(_path, "Its currency."),
            scale=Key(_like(r"10*", "1, 10, 100 and so on"), "How many of it make one unit of the currency."),
            unit=Key(_text, "What it counts, where that is no currency."),
        ),
        "How to ask what is left on the account.",
    ),
    test=Key(
        _section(
            query=Key(_table(_tree), "Query parameters to add."),
            headers=Key(_table(_tree), "Headers to add."),
            form=Key(_table(_tree), "Form fields to add."),
            json=Key(_table(_tree), "JSON fields to add."),
        ),
        "What makes the provider check a request and send nothing (option dry_run).",
    ),
    samples=Key(SAMPLES, "Requests, answers and callbacks this file is tested with.", required=True),
)
