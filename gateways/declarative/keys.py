"""The keys a file of gateways/*.yaml may hold: each declared once with its shape and a sentence for the docs."""

from __future__ import annotations

from gateways.declarative.sample_keys import SAMPLES
from gateways.declarative.shapes import Key, choice, like, many, number, section, state, status, table, tree, words
from model.message import State
from model.sending import ErrorClass

_path = like(r"/?[^/{}]*", "a dotted path, with / in front for the root of the answer")
_http = like(r"[1-5]\d\d|[1-5]xx|[1-5]\d\d-[1-5]\d\d", "an HTTP code (404), a class (5xx) or a range (400-499)")
_class = choice(*(error.code for error in ErrorClass if error is not ErrorClass.NONE))
_later = {state for state in State if state.rank >= State.ACCEPTED.rank and state is not State.DELIVERED}
_undelivered = choice(*(state.code for state in _later))
_only = section(
    path=Key(_path, "Where the word stands.", required=True),
    in_=Key(many(words), "The words that count.", required=True),
)
_verify = section(
    type=Key(choice("none", "hmac", "basic", "jwt"), "How a callback is proved genuine.", required=True),
    header=Key(words, "The header with the signature or token."),
    claims=Key(choice("body", "time"), "What a token says: the fields of the body, or only its own time."),
    signed=Key(words, "What is signed: {body}, {timestamp}, {url}, {method} and text between."),
    digest=Key(choice("sha1", "sha256", "sha512"), "The digest."),
    encoding=Key(choice("hex", "base64"), "How the signature is written."),
    prefix=Key(words, "What stands before the signature."),
    timestamp_header=Key(words, "The header with the time."),
    tolerance=Key(number, "Seconds the time may differ from ours."),
    secret=Key(words, "The option that holds the key."),
    username=Key(words, "The option that holds the user name."),
    password=Key(words, "The option that holds the password."),
)
_ack = section(
    status=Key(status, "The HTTP status the provider wants to hear."),
    body=Key(words, "The body it wants to hear."),
    content_type=Key(words, "Its content type."),
)
_time = section(
    path=Key(_path, "Where the time stands.", required=True),
    format=Key(choice("iso", "unix", "unix_ms"), "How it is written.", required=True),
    zone=Key(choice("utc"), "The zone of times that state none; left out, such times are not used."),
)
_body = Key(choice("form", "json", "query"), "Where the fields are.", required=True)
_list = Key(_path, "The list of entries; `.` when the body itself is the list.")

OPTIONS = table(
    section(
        text=Key(words, "A sentence for the operator.", required=True),
        secret=Key(choice("yes", "no"), "Whether it must never be shown."),
        required=Key(choice("yes", "no"), "Whether sending is impossible without it."),
        default=Key(words, "Its value when the operator states none."),
        fills=Key(like(r"\w+(\.\w+)*", "a dotted place"), "The place of this file the value is put into."),
    )
)
FILE = section(
    gateway=Key(like(r"[a-z0-9_]+", "a name of small letters, digits and _"), "The file's own name.", required=True),
    version=Key(choice("1"), "The version of this language.", required=True),
    title=Key(words, "The provider's name as people write it.", required=True),
    docs=Key(words, "The vendor's page and the date it was read.", required=True),
    unverified=Key(words, "What nobody could check yet; shown to the operator."),
    base_url=Key(
        like(r"https?://[^/{}?#@]+(/[^{}?#]*[^/{}?#])?", "an address without / at its end"),
        "The provider's address; the option base_url overrides it.",
        required=True,
    ),
    options=Key(
        OPTIONS,
        "Settings in tidings.toml.",
    ),
    auth=Key(
        section(
            type=Key(choice("none", "basic", "bearer", "header", "query", "hmac"), "The kind.", required=True),
            username=Key(tree, "For basic."),
            password=Key(tree, "For basic."),
            token=Key(tree, "For bearer, header and query."),
            name=Key(words, "The header or query parameter."),
            secret=Key(words, "For hmac: the option that holds the key."),
            signed=Key(words, "For hmac: {body}, {timestamp}, {url}, {method} and text between."),
            digest=Key(choice("sha1", "sha256", "sha512"), "For hmac."),
            encoding=Key(choice("hex", "base64"), "For hmac."),
            prefix=Key(words, "For hmac: what stands before the signature."),
            timestamp_header=Key(words, "For hmac: the header that carries the time."),
        ),
        "How we show who we are.",
        required=True,
    ),
    limits=Key(
        section(
            max_segments=Key(number, "Longest text the provider takes."),
            min_validity_seconds=Key(number, "Shortest validity."),
            max_validity_seconds=Key(number, "Longest validity."),
        ),
        "What the provider can take.",
    ),
    number_format=Key(choice("e164", "digits"), "How numbers are written: +44... or 44...", required=True),
    encoding=Key(
        section(
            gsm=Key(words, "The word for GSM-7.", required=True),
            unicode=Key(words, "The word for UCS-2.", required=True),
        ),
        "Words of the encoding flag, where we must set one.",
    ),
    client_ref=Key(section(max=Key(number, "Longest reference.", required=True)), "Our id at the provider."),
    idempotency=Key(
        section(
            type=Key(choice("text", "int32"), "How the key is written.", required=True),
            repeat=Key(
                choice("documented", "unverified"),
                "Whether the provider documents that a repeated {{ key }} is recognised; only then are texts repeated.",
                required=True,
            ),
        ),
        "The provider may recognise a repeated {{ key }}.",
    ),
    send=Key(
        section(
            method=Key(choice("GET", "POST", "PUT"), "The HTTP method.", required=True),
            path=Key(tree, "The path below base_url.", required=True),
            query=Key(table(tree), "Query parameters."),
            headers=Key(table(tree), "Headers."),
            form=Key(table(tree), "A form body."),
            json=Key(tree, "A JSON body."),
        ),
        "The request.",
        required=True,
    ),
    response=Key(
        section(
            http=Key(many(_http), "Codes of success; 2xx unless stated."),
            results=Key(_path, "The list of results; `.` when the answer itself is the list."),
            match=Key(_path, "The field of a result that holds the number."),
            accepted=Key(_only, "The words that mean accepted."),
            id=Key(_path, "The provider's id.", required=True),
            parts=Key(_path, "How many segments are billed."),
            price=Key(
                section(
                    value=Key(_path, "The amount.", required=True),
                    currency=Key(_path, "Its currency."),
                    scale=Key(like(r"10*", "1, 10, 100 and so on"), "How many of it make one unit of the currency."),
                ),
                "The price.",
            ),
        ),
        "How an accepted text looks.",
        required=True,
    ),
    errors=Key(
        many(
            section(
                http=Key(many(_http), "HTTP codes."),
                path=Key(_path, "Where the word stands."),
                in_=Key(many(words), "The words."),
                class_=Key(_class, "What kind of no it is.", required=True),
                text=Key(words, "The sentence people read."),
                retry_after=Key(like(r"header|\d{1,4}", "`header` or seconds"), "How long to wait."),
            )
        ),
        "How a no looks; the first row that fits counts.",
        required=True,
    ),
    receipt=Key(
        section(
            body=_body,
            list=_list,
            only=Key(_only, "Which entries are receipts."),
            verify=Key(_verify, "How callbacks are proved genuine, texts from phones too."),
            id=Key(many(_path), "The provider's id; of several places the first that holds one.", required=True),
            ref=Key(_path, "Our id."),
            status=Key(
                section(
                    path=Key(many(_path), "The status; several paths are joined by dots.", required=True),
                    map=Key(table(state), "The provider's words.", required=True),
                    default=Key(_undelivered, "For words not in the map; unconfirmed unless stated."),
                ),
                "The status.",
                required=True,
            ),
            error=Key(
                section(
                    path=Key(_path, "The error code.", required=True),
                    map=Key(table(_class), "What kind of error each code is."),
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
        section(
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
        section(
            path=Key(tree, "The path below base_url, asked by GET.", required=True),
            query=Key(table(tree), "Query parameters."),
            headers=Key(table(tree), "Headers."),
            value=Key(_path, "The amount, with its currency in front or not.", required=True),
            currency=Key(_path, "Its currency."),
            scale=Key(like(r"10*", "1, 10, 100 and so on"), "How many of it make one unit of the currency."),
            unit=Key(words, "What it counts, where that is no currency."),
        ),
        "How to ask what is left on the account.",
    ),
    test=Key(
        section(
            query=Key(table(tree), "Query parameters to add."),
            headers=Key(table(tree), "Headers to add."),
            form=Key(table(tree), "Form fields to add."),
            json=Key(table(tree), "JSON fields to add."),
        ),
        "What makes the provider check a request and send nothing (option dry_run).",
    ),
    samples=Key(SAMPLES, "Requests, answers and callbacks this file is tested with.", required=True),
)
