"""The keys of samples: what is sent, answered and called back, and what must come of it.

They end the file of a provider, or stand in one of their own beside the code of a gateway.
"""

from __future__ import annotations

from gateways.declarative.shapes import Key, choice, many, number, section, state, status, table, tree, words
from model.sending import ErrorClass, Outcome

_message = table(words)
_wire = section(
    method=Key(words, "GET or POST."),
    path=Key(words, "The path.", required=True),
    query=Key(table(words), "The query."),
    headers=Key(table(words), "Headers that must be there."),
    form=Key(table(words), "The form."),
    json=Key(words, "The JSON body, as JSON text."),
)
_answer = section(
    status=Key(status, "The HTTP status.", required=True),
    headers=Key(table(words), "Headers."),
    body=Key(words, "The body, as it is."),
)
_result = section(
    outcome=Key(choice(*(outcome.value for outcome in Outcome)), "The outcome.", required=True),
    error=Key(choice(*(error.code for error in ErrorClass)), "The error class."),
    provider_id=Key(words, "The provider's id."),
    code=Key(words, "The provider's code."),
    segments=Key(number, "Billed segments."),
    cost=Key(words, "The price."),
    currency=Key(words, "Its currency."),
    retry_after=Key(number, "Seconds to wait."),
)
_callback = section(
    method=Key(words, "GET or POST."),
    url=Key(words, "The public address that was called."),
    query=Key(table(words), "The query."),
    headers=Key(table(words), "Headers."),
    body=Key(words, "The body, as it is."),
)
_receipt_facts = section(
    state=Key(state, "The state.", required=True),
    provider_id=Key(words, "The provider's id."),
    message_id=Key(words, "Our id."),
    raw_status=Key(words, "The provider's word."),
    error_code=Key(words, "The provider's error code."),
    error=Key(choice(*(error.code for error in ErrorClass)), "The error class."),
    at=Key(words, "The time, ISO 8601."),
    part=Key(words, "The part of a long text."),
    cost=Key(words, "The price."),
    currency=Key(words, "Its currency."),
)
_reply_facts = section(
    id=Key(words, "The provider's id.", required=True),
    number=Key(words, "Their number.", required=True),
    to=Key(words, "Our number."),
    text=Key(words, "The text."),
    at=Key(words, "The time, ISO 8601."),
    opt_out=Key(choice("yes"), "Whether it is a wish to stop."),
)
_balance_sample = section(
    request=Key(_wire, "What must be on the wire.", required=True),
    answer=Key(_answer, "What the provider answers.", required=True),
    shown=Key(words, "What people read.", required=True),
)
_case = Key(words, "What this sample shows, as a sentence.", required=True)
SAMPLES = section(
    provenance=Key(words, "Where the samples come from.", required=True),
    settings=Key(table(tree), "Settings of the gateway."),
    submit=Key(
        many(
            section(
                case=_case,
                settings=Key(table(tree), "Settings that differ from the file's."),
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
        many(
            section(
                case=_case,
                incoming=Key(_callback, "The callback.", required=True),
                receipts=Key(many(_receipt_facts), "The receipts in it.", required=True),
            )
        ),
        "Receipts.",
    ),
    replies=Key(
        many(
            section(
                case=_case,
                incoming=Key(_callback, "The callback.", required=True),
                replies=Key(many(_reply_facts), "The replies in it.", required=True),
            )
        ),
        "Texts from phones.",
    ),
    balance=Key(_balance_sample, "What is left on the account."),
)
