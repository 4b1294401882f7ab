-- Telling our users' own systems. Triggers write the outbox in the very transaction that changes a state, keeps a reply
-- or a wish, so that no way of doing so can forget it. Without a configured webhook they write nothing.

create table webhooks (
    name text primary key,
    listens text not null,  -- " message.delivered reply.received ", with a space around each
    since integer not null,
    failing_since integer not null default 0,
    failures integer not null default 0,
    rest_until integer not null default 0,
    told_at integer not null default 0,
    disabled_at integer not null default 0,
    disabled_because text not null default ''
) without rowid;

create table outbox (
    id integer primary key autoincrement,  -- never used twice, also when all rows are gone: it is the sequence we tell
    at integer not null,
    kind text not null,
    ref text not null,
    message_id text not null,
    facts text not null
);

create table tellings (
    id text primary key,
    webhook text not null,
    sequence integer not null,
    type text not null,
    ref text not null,
    body text not null,
    created_at integer not null,
    state text not null default 'waiting',
    tries integer not null default 0,
    next_at integer not null,
    lease_until integer not null default 0,
    told_at integer not null default 0,
    status integer not null default 0,
    error text not null default ''
);
create index tellings_due on tellings (webhook, next_at, id) where state = 'waiting';
create index tellings_state on tellings (webhook, state, id);
create index tellings_webhook on tellings (webhook, id);
create index tellings_created on tellings (created_at);

create table telling_failures (
    id integer primary key,
    telling_id text not null,
    at integer not null,
    status integer not null,
    error text not null,
    took integer not null,
    answer text not null
);
create index telling_failures_of on telling_failures (telling_id);

create trigger outbox_queued after insert on messages
when exists (select 1 from webhooks where listens like '% message.queued %')
begin
    insert into outbox (at, kind, ref, message_id, facts)
    values (new.created_at, 'message', new.id, new.id, json_object('state', new.state));
end;

create trigger outbox_moved after update of state on messages
when new.state <> old.state and new.state not in ('queued', 'submitting') and exists (select 1 from webhooks)
begin
    insert into outbox (at, kind, ref, message_id, facts)
    values (
        max(
            new.created_at, coalesce(new.submitted_at, 0), coalesce(new.accepted_at, 0), coalesce(new.receipt_at, 0),
            coalesce(new.final_at, 0)
        ),
        'message', new.id, new.id,
        json_object(
            'state', new.state, 'reason', new.reason, 'gateway', new.gateway, 'provider_id', new.provider_id,
            'attempts', new.attempts, 'cost', new.cost, 'currency', new.currency, 'submitted_at', new.submitted_at,
            'accepted_at', new.accepted_at, 'receipt_at', new.receipt_at, 'final_at', new.final_at
        )
    );
end;

create trigger outbox_reply after insert on replies
when exists (select 1 from webhooks)
begin
    insert into outbox (at, kind, ref, message_id, facts)
    values (
        new.at, 'reply', new.id, new.message_id,
        json_object('reply_id', new.id, 'gateway', new.gateway, 'intent', new.intent, 'our_number', new.our_number)
    );
end;

-- What a reply means and which text it answers may be known only after it was kept: then this is the row that is told.
create trigger outbox_reply_understood after update of intent on replies
when exists (select 1 from webhooks)
begin
    delete from outbox where kind = 'reply' and ref = new.id;
    insert into outbox (at, kind, ref, message_id, facts)
    values (
        new.at, 'reply', new.id, new.message_id,
        json_object('reply_id', new.id, 'gateway', new.gateway, 'intent', new.intent, 'our_number', new.our_number)
    );
end;

create trigger outbox_wish after insert on consent
when exists (select 1 from webhooks)
begin
    insert into outbox (at, kind, ref, message_id, facts)
    values (
        new.at, 'consent', new.number,
        coalesce((select id from messages where number = new.number order by id desc limit 1), ''),
        json_object('category', new.category, 'status', new.status, 'by', new.source)
    );
end;

create trigger outbox_wish_changed after update of status on consent
when new.status <> old.status and exists (select 1 from webhooks)
begin
    insert into outbox (at, kind, ref, message_id, facts)
    values (
        new.at, 'consent', new.number,
        coalesce((select id from messages where number = new.number order by id desc limit 1), ''),
        json_object('category', new.category, 'status', new.status, 'by', new.source)
    );
end;

create trigger outbox_event after insert on journal
when new.message_id = '' and (new.kind in ('decision', 'failed') or (new.kind = 'received' and new.reason = 'unreadable'))
    and exists (select 1 from webhooks where listens like '% event.%')
begin
    insert into outbox (at, kind, ref, message_id, facts)
    values (
        new.at, new.kind, new.event_id, '',
        json_object(
            'event_id', new.event_id, 'source', new.source, 'event_type', new.type, 'rule', new.rule, 'step', new.step,
            'reason', new.reason
        )
    );
end;
