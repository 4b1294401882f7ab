-- Times are milliseconds since 1970 in UTC. Ids are texts that grow with time (model/ids.py).

create table bodies (
    id text primary key,
    source text not null,
    received_at integer not null,
    method text not null,
    url text not null,
    query text not null,
    headers text not null,
    body blob not null
);

create table events (
    id text primary key,
    body_id text,
    source text not null,
    type text not null,
    native_type text not null,
    transport_id text not null,
    key text not null,
    version text not null,
    occurred_at integer not null,
    received_at integer not null,
    data text not null,
    raw text,
    test integer not null,
    lookup text not null,
    state text not null,
    tries integer not null default 0,
    next_at integer not null default 0,
    error text not null default ''
);
create index events_waiting on events (next_at, id) where state in ('received', 'needs_lookup');
create index events_state on events (state, id);
create index events_source on events (source, id);
create index events_type on events (type, id);
create index events_key on events (key, id);

create table dedupe (
    hash blob primary key,
    ref text not null,
    until integer not null
) without rowid;
create index dedupe_until on dedupe (until);

create table messages (
    id text primary key,
    event_id text not null,
    source text not null,
    event_type text not null,
    rule text not null,
    rule_hash text not null,
    step text not null,
    key text not null,
    number text not null,
    number_field text not null,
    warning text not null,
    text text not null,
    secret text not null default '',  -- what leaves, where that differs from `text`; wiped when it has left
    locale text not null,
    encoding text not null,
    segments integer not null,
    sender text not null,
    lane integer not null,
    gateways text not null,
    category text not null,
    campaign text not null,
    supersede text not null,
    items text not null default '',  -- the events of a batch that waits, wiped when it has left
    throttle_key text not null,
    redact text not null,
    on_unknown text not null,
    next_after integer not null default 0,  -- milliseconds without a receipt until the next gateway is tried
    recheck text not null,
    rechecked_at integer not null default 0,
    state text not null,
    reason text not null default '',
    created_at integer not null,
    due_at integer not null,
    expires_at integer not null,
    next_at integer not null,
    lease_until integer not null default 0,
    attempts integer not null default 0,
    gateway text not null default '',
    tried text not null default '',
    sent_to text not null default '',
    provider_id text not null default '',
    submitted_at integer,
    accepted_at integer,
    receipt_at integer,
    final_at integer,
    replied_at integer,
    cost text not null default '',
    currency text not null default ''
);
create index messages_queue on messages (lane, next_at, id) where state = 'queued';
create index messages_open on messages (lease_until) where state = 'submitting';
create index messages_waiting_key on messages (rule, key) where state = 'queued';
create index messages_event on messages (event_id);
create index messages_number on messages (number, id);
create index messages_rule on messages (rule, id);
create index messages_state on messages (state, id);
create index messages_provider on messages (provider_id) where provider_id <> '';
create index messages_throttle on messages (throttle_key, created_at) where throttle_key <> '';

create table journal (
    id integer primary key,
    at integer not null,
    kind text not null,
    event_id text not null default '',
    message_id text not null default '',
    source text not null default '',
    type text not null default '',
    rule text not null default '',
    step text not null default '',
    reason text not null default '',
    place text not null default '',
    gateway text not null default '',
    actor text not null default '',
    detail text not null default ''
);
create index journal_event on journal (event_id) where event_id <> '';
create index journal_message on journal (message_id) where message_id <> '';
create index journal_decisions on journal (id) where kind = 'decision';
create index journal_reason on journal (reason, id) where kind = 'decision';
create index journal_rule on journal (rule, id) where kind = 'decision';
create index journal_source on journal (source, id) where kind = 'decision';
create index journal_type on journal (type, id) where kind = 'decision';

-- What each gate saw. It may name people, so it is kept apart from the journal and can be erased.
create table traces (
    journal_id integer primary key,
    event_id text not null,
    gates text not null
);
create index traces_event on traces (event_id);

-- The newest word on each record a rule follows: an older event never overrules it, also when it arrives later.
create table records (
    rule text not null,
    key text not null,
    occurred_at integer not null,
    closed integer not null,
    primary key (rule, key)
) without rowid;

create table consent (
    number text not null,
    category text not null,
    status text not null,
    source text not null,
    wording text not null,
    at integer not null,
    primary key (number, category)
) without rowid;

create table replies (
    id text primary key,
    gateway text not null,
    number text not null,
    our_number text not null,
    text text not null,
    at integer not null,
    message_id text not null,
    intent text not null
);
create index replies_number on replies (number, id);

-- Receipts for which no message is known yet: they may overtake the answer to the submit.
create table unmatched (
    id integer primary key,
    gateway text not null,
    provider_id text not null,
    state text not null,
    raw_status text not null,
    error_code text not null,
    at integer not null
);
create index unmatched_provider on unmatched (provider_id);

create table cursors (
    source text primary key,
    cursor text not null,
    at integer not null,
    error text not null
) without rowid;

create table rule_versions (
    id integer primary key,
    hash text not null,
    content text not null,
    at integer not null,
    actor text not null,
    note text not null
);

create table settings (
    name text primary key,
    value text not null,
    at integer not null
) without rowid;

create virtual table finder using fts5 (words, event_id unindexed, tokenize = 'unicode61 remove_diacritics 2');
