-- Pins, pauses, how gateways do, and what waits for the end of a pause.

-- What a waiting message waits for besides its time, such as 'rule:order'; '' is nothing. See model/steering.py.
alter table messages add column held text not null default '';
drop index messages_queue;
create index messages_queue on messages (lane, next_at, id) where state = 'queued' and held = '';
create index messages_held on messages (state, held, expires_at) where state = 'queued' and held <> '';
create index messages_open_receipt on messages (gateway, lane, accepted_at) where state in ('accepted', 'sending', 'sent');

create table pins (
    gateway text primary key,
    away integer not null,
    reason text not null,
    actor text not null,
    since integer not null,
    until integer not null
) without rowid;

create table pauses (
    scope text not null,
    name text not null,
    spared text not null,  -- lanes that go on, with commas
    reason text not null,
    actor text not null,
    since integer not null,
    primary key (scope, name)
) without rowid;

-- How each gateway does, as the running service saw it last; cleared when it starts.
create table gateway_health (
    gateway text primary key,
    state text not null,
    since integer not null,
    until integer not null,
    error text not null
) without rowid;

-- Texts that leave by another gateway where no receipt comes in the rule's time.
create index messages_next_gateway on messages (state, next_at)
where state in ('accepted', 'sending', 'sent') and next_after > 0;
