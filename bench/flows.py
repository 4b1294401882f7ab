"""An invented business for the big database: its systems, rules, phones and chances, and the SQL that plays them.

Every number lies in a range kept for fiction. Rows of one stretch of time are made at once in `flow`, one row per
event, and spread from there into the tables; what looks random follows from the row's number, so that two runs agree.

Long because it holds an invented business as tables of chances and the SQL that plays them.
"""

from __future__ import annotations

import sqlite3

from model.ids import ALPHABET, EPOCH

EPOCH_MS = int(EPOCH.timestamp() * 1000)
KEPT = 14 * 86_400_000
"""How long requests are kept, in milliseconds: older events have no body any more."""

# share of 100, source, type, native type, rule, its line, lane, campaign, waits so long (ms), parts
KINDS = (
    (30, "shop", "order.created", "orders/create", "order-confirmed", 8, 2, "", 0, 1),
    (18, "carrier", "shipment.updated", "tracking.updated", "out-for-delivery", 18, 2, "", 0, 1),
    (10, "salon", "appointment.booked", "booking.created", "appointment-reminder", 23, 1, "", 172_800_000, 1),
    (12, "billing", "invoice.overdue", "invoice.overdue", "invoice-due", 31, 2, "", 0, 2),
    (8, "crm", "contact.updated", "Contact", "welcome", 36, 2, "", 0, 1),
    (7, "auth", "verification.requested", "code", "code", 41, 0, "", 0, 1),
    (15, "list", "custom.campaign.member", "member", "newsletter", 46, 3, "newsletter", 0, 1),
)
# share of 1,000, state of the event, what was decided
CHANCES = (
    (860, "planned", "send"), (55, "planned", "when[0]"), (38, "planned", "no_rule"), (14, "planned", "duplicate"),
    (12, "planned", "no_recipient"), (9, "planned", "opted_out"), (5, "planned", "throttled"),
    (4, "planned", "quiet_hours"), (2, "unreadable", "unreadable"), (1, "failed", "rule_error"),
)  # fmt: skip
# share of 1,000, state of the text, reason, was tried, was taken, was reported
FATES = (
    (893, "delivered", "", 1, 1, 1), (28, "undelivered", "30005", 1, 1, 1), (12, "rejected", "permanent", 1, 0, 0),
    (5, "failed", "route_stop", 1, 0, 0), (8, "expired", "expired", 0, 0, 0), (20, "cancelled", "cancelled", 0, 0, 0),
    (9, "cancelled", "superseded", 0, 0, 0), (1, "unknown", "unknown", 1, 0, 0), (24, "unconfirmed", "", 1, 1, 0),
)  # fmt: skip
NAMES = ("Anna", "Björn", "Zoë", "Mehmet", "Ines", "Paul", "Chloé", "Tomasz", "Aoife", "Noor")
GATEWAYS = ("alpha", "beta", "gamma")
PRICES = {"alpha": ("0.0721", "EUR"), "beta": ("0.0410", "GBP"), "gamma": ("0.0079", "USD")}
REPLIES = ("question", "yes", "no", "stop", "question")
AREAS = tuple(code for code in range(201, 990) if code % 100 not in {11, 0} and code // 10 % 10 != 9)


def phones() -> list[tuple[str, str, str]]:
    """Return numbers for fiction with their country and the gateway that serves it."""
    found = [(f"+4917139200{n:02d}", "DE", "alpha") for n in range(100)]
    found += [(f"+493023125{n:03d}", "DE", "alpha") for n in range(1_000)]
    found += [(f"+447700900{n:03d}", "GB", "beta") for n in range(1_000)]
    return found + [(f"+1{area}55501{n:02d}", "US", "gamma") for area in AREAS for n in range(100)]


def lay_phones(connection: sqlite3.Connection) -> int:
    """Put the phones into a small table, numbered from 0; return how many there are."""
    connection.execute(
        "create temp table phone (slot integer primary key, number text, country text, gateway text, cost text, "
        "currency text)"
    )
    found = [(slot, *phone, *PRICES[phone[2]]) for slot, phone in enumerate(phones())]
    connection.executemany("insert into phone values (?, ?, ?, ?, ?, ?)", found)
    return len(found)


def id_tail(number: str, moment: str) -> str:
    """Write the SQL for the part of an id (model/ids.py) behind its letter: time and number, in base 32."""
    whole = f"((({moment} - {EPOCH_MS}) << 22) | ({number} & 4194303))"
    return " || ".join(f"substr('{ALPHABET}', (({whole} >> {shift}) & 31) + 1, 1)" for shift in range(60, -1, -5))


SMALL = (
    """
create temp table kind (slot integer primary key, source text, type text, native text, rule text, line
    integer, lane integer, campaign text, wait integer, segments integer)
""",
    """
create temp table chance (slot integer primary key, event_state text, reason text)
""",
    """
create temp table fate (slot integer primary key, state text, why text, tried integer, taken integer, reported
    integer)
""",
    """
create temp table name (slot integer primary key, name text)
""",
)

FLOW = f"""
create temp table flow as
with recursive numbers (n) as (select :first union all select n + 1 from numbers where n < :last),
dice as (
    select n, :begin + n * :span / :count as at, (n * 2654435761 & 4294967295) >> 10 as one,
        (n * 2246822519 + 374761393 & 4294967295) >> 9 as two, (n * 3266489917 + 668265263 & 4294967295) >> 8 as three
    from numbers
), met as (
    select n, at, one, two, three, {id_tail("n", "at")} as tail, kind.source, kind.type,
        kind.native, kind.rule as its_rule, kind.line, kind.lane, kind.segments, event_state, reason, state as fate,
        why, tried, taken, reported, phone.number, phone.country, phone.gateway, phone.cost, phone.currency, name.name,
        case when campaign = '' then '' else campaign || '.' || (1 + n * 12 / :count) end as campaign, at + wait as due
    from dice join kind on kind.slot = one % 100 join chance on chance.slot = two % 1000
    join fate on fate.slot = three % 1000 join phone on phone.slot = (one + two) % :phones
    join name on name.slot = three % {len(NAMES)}
)
select n, at, 'e' || tail as event_id, case when at >= :now - {KEPT} then 'i' || tail end as body_id,
    case when reason = 'send' then 'm' || tail else '' end as message_id, source, type, native,
    case when reason in ('no_rule', 'unreadable', 'rule_error') then '' else its_rule end as rule, line, lane, segments,
    event_state, reason, number, country, gateway, cost, currency, campaign, due,
    case when fate in ('expired', 'cancelled') and due < :now then fate when due > :now then 'queued'
        when taken and due > :now - 600000 then case when two % 2 then 'accepted' else 'sent' end
        else fate end as state, why,
    case when due > :now then 0 else tried end as tried, case when due > :now then 0 else taken end as taken,
    case when due > :now - 600000 then 0 else reported end as reported,
    due + 20 + one % 60 as submitted, due + 90 + two % case when three % 50 then 400 else 40000 end as accepted,
    due + 900 + three % case when two % 40 then 9000 else 900000 end as receipt,
    case when state_replies then due + 960000 + two % 3600000 end as replied, (one >> 3) % 5 as answer,
    (61204500000 + n) || '' as key, name, (two % 400) || '.9' as total,
    '{{"number":"#' || n || '","total":' || (two % 400) || '.9,"currency":"EUR","customer":{{"first_name":"'
        || name || '","phone":"' || number || '"}}}}' as data,
    'Hi ' || name || ', ' || replace(its_rule, '-', ' ') || ' ' || n || ' is on its way.' as text,
    printf('%06x%06x%06x', one, two, three) as provider_id
from (select *, (fate = 'delivered' and two % 40 = 7 and due < :now - 10000000) as state_replies from met)
"""  # noqa: S608 - our own words

SPREAD = (
    """
insert into bodies (id, source, received_at, method, url, query, headers, body)
select body_id, source, at, 'POST', 'https://tidings.example/hooks/' || source, '[]',
    '{"content-type": "application/json"}',
    cast(case when event_state = 'unreadable' then '{{broken ' || n else data end as blob)
from flow where body_id is not null
""",
    """
insert into events (id, body_id, source, type, native_type, transport_id, key, version, occurred_at, received_at, data,
    raw, test, lookup, state, error, found)
select event_id, body_id, source, case when event_state = 'unreadable' then '' else type end,
    case when event_state = 'unreadable' then '' else native end, source || '-' || n,
    case when event_state = 'unreadable' then '' else key end, '', at - 1500, at,
    case when event_state = 'unreadable' then '{}' else data end, null, 0, '', event_state,
    case event_state when 'unreadable' then 'The body is not JSON: JSONDecodeError.'
        when 'failed' then 'total is not a number' else '' end, case when event_state = 'planned' then n else 0 end
from flow
""",
    """
insert into messages (id, event_id, source, event_type, rule, rule_hash, step, key, number, number_field, country,
    warning, text, locale, encoding, segments, sender, lane, gateways, category, campaign, supersede, throttle_key,
    redact, on_unknown, recheck, state, reason, created_at, due_at, expires_at, next_at, attempts, gateway, tried,
    sent_to, provider_id, submitted_at, accepted_at, receipt_at, final_at, replied_at, cost, currency, salt)
select message_id, event_id, source, type, rule, 'f33cc4553bf0', '', case when lane = 1 then key else '' end, number,
    'customer.phone', country, '', text, 'en', 'gsm7', segments, '', lane, gateway, '', campaign, '', number || '|', '',
    'drop', '', state, case when state in ('queued', 'accepted', 'sent') then '' else why end, at, due, due + 86400000,
    due, tried, case when tried then gateway else '' end, case when tried then gateway else '' end,
    case when tried then number else '' end, case when taken then provider_id else '' end,
    case when tried then submitted end, case when taken then accepted end,
    case when reported then max(receipt, accepted) end,
    case when reported then max(receipt, accepted) when state in ('cancelled', 'expired') then due
        when state in ('rejected', 'failed') then submitted end,
    case when reported and reply_intent(answer) <> 'stop' then replied end, case when taken then cost else '' end,
    case when taken then currency else '' end,
    case when tried and body_id is not null then 'd70b56052052f11c' else '' end
from flow where message_id <> ''
""",
    """
insert into journal (at, kind, event_id, message_id, source, type, rule, reason, place, gateway, detail, proof)
select at, kind, event_id, message_id, source, type, rule, reason, place, gateway, detail, proof from (
    select at, 1 as step, 'received' as kind, event_id, '' as message_id, source,
        case when event_state = 'unreadable' then '' else type end as type, '' as rule,
        case when event_state = 'unreadable' then 'unreadable' else '' end as reason, '' as place, '' as gateway,
        case when event_state = 'unreadable' then 'The body is not JSON: JSONDecodeError.' else '' end as detail,
        case when body_id is null then ''
            else body_proof(case when event_state = 'unreadable' then '{broken ' || n else data end) end as proof
    from flow
    union all
    select at + 4, 2, case when event_state = 'failed' then 'failed' else 'decision' end, event_id, message_id, source,
        type, rule, reason, case when rule = '' then '' else 'rules.yaml:' || line end, '',
        case when event_state = 'failed' then 'total is not a number' else '' end, ''
    from flow where event_state <> 'unreadable'
    union all
    select submitted, 3, 'attempt', event_id, message_id, '', '', '', '', '', gateway, '1',
        case when body_id is null then '' else text_proof('d70b56052052f11c', number, number, text) end
    from flow where message_id <> '' and tried
    union all
    select max(accepted, submitted), 4, 'outcome', event_id, message_id, '', '', '',
        case when taken then 'accepted' when state = 'unknown' then 'unknown' else 'rejected' end, '', gateway,
        case when taken then 'none' else why end, ''
    from flow where message_id <> '' and tried
    union all
    select max(receipt, accepted), 5, 'receipt', event_id, message_id, '', '', '', state, '', gateway, state, ''
    from flow where message_id <> '' and reported
    union all
    select due + 1, 6, 'ended', event_id, message_id, '', '', '', why, '', '', '', ''
    from flow where message_id <> '' and state in ('cancelled', 'expired')
    union all
    select accepted + 172800000, 7, 'unconfirmed', event_id, message_id, '', '', '', state, '', gateway, '', ''
    from flow where message_id <> '' and state = 'unconfirmed'
    union all
    select replied, 8, 'reply', event_id, message_id, '', '', '', reply_intent(answer), '', gateway, '', ''
    from flow where message_id <> '' and reported and replied is not null
) order by at, step
""",
    """
insert into traces (journal_id, event_id, gates)
select id, event_id, '{"detail":"' || case when reason = 'send' then '' else 'stopped by ' || reason end
    || '","gates":[["event",1,"' || source || ':' || type || '",9],["when[0]",'
    || (reason = 'send') || ',"total is 149.9",11]]}'
from journal where id > :journal and kind = 'decision'
""",
    """
insert into finder (rowid, words, event_id)
select n, key || ' ' || native || ' #' || n || ' ' || total || ' EUR ' || name || ' ' || number
    || case when message_id <> '' then ' ' || text || ' ' || number else '' end, event_id
from flow where event_state = 'planned'
""",
    """
insert into parts (gateway, provider_id, message_id, part, state, error_code)
select gateway, case part when 1 then provider_id else provider_id || '2' end, message_id, part,
    case when reported then state else 'accepted' end, ''
from flow cross join (select 1 as part union all select 2) where message_id <> '' and taken and segments > 1
order by message_id, part
""",
    """
insert into replies (id, gateway, number, our_number, text, at, message_id, intent, state, event_id, rule, key, needs)
select gateway || ':r' || n, gateway, number, '+4930901820', 'Thank you ' || name, replied, message_id,
    reply_intent(answer), 'settled', event_id, '', '', case when n % 400 = 3 then 'not_understood' else '' end
from flow where message_id <> '' and reported and replied is not null
""",
    """
insert into claimed (hash, ref, until)
select dedupe_key('event', source, source || '-' || n), event_id, at + 2592000000 from flow where body_id is not null
union all select dedupe_key('message', rule, key), message_id, at + 2592000000
from flow where message_id <> '' and body_id is not null
union all select dedupe_key('receipt', gateway, provider_id), provider_id, receipt + 604800000
from flow where message_id <> '' and reported and receipt > :now - 604800000
""",
)

AFTERWARDS = (
    """
insert into dedupe (hash, ref, until) select hash, ref, until from claimed where true order by hash on
    conflict (hash) do nothing
""",
    """
drop table claimed
""",
    """
insert into conversations (number, last_at, needs) select number, max(at), sum(needs <> '') from replies group
    by number order by max(at)
""",
    """
insert into consent (number, category, status, source, wording, at, channel, actor) select number, '', 'out',
    'reply', 'stop', max(at), 'sms', '' from replies where intent = 'stop' group by number
""",
    """
insert into consent_history (number, category, status, source, wording, channel, actor, at, noted_at) select
    number, category, status, source, wording, channel, actor, at, at from consent order by at
""",
    """
insert into campaigns (id, rule, rule_hash, list_id, state, actor, created_at, started_at, ended_at, planned)
    select campaign, 'newsletter', 'f33cc4553bf0', 'l1', 'done', 'anna', min(created_at), min(created_at),
    max(created_at), count(*) from messages where campaign <> '' group by campaign
""",
    """
insert into source_hours (source, hour, kind, amount) select source, received_at / 3600000 * 3600000,
    'received', count(*) from events group by 1, 2
""",
    """
insert into source_hours (source, hour, kind, amount) select source, received_at / 3600000 * 3600000,
    'unreadable', count(*) from events where state = 'unreadable' group by 1, 2
""",
)
