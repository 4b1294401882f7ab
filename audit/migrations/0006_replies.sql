-- What replies lead to, and the proof behind each wish.

alter table consent add column channel text not null default '';
alter table consent add column actor text not null default '';

-- Every change of a wish, never overwritten: `at` is when the person said so, `noted_at` when we wrote it down.
create table consent_history (
    id integer primary key,
    number text not null,
    category text not null,
    status text not null,
    source text not null,
    wording text not null,
    channel text not null,
    actor text not null,
    at integer not null,
    noted_at integer not null
);
create index consent_history_number on consent_history (number, id);
insert into consent_history (number, category, status, source, wording, channel, actor, at, noted_at)
    select number, category, status, source, wording, '', '', at, at from consent order by at;

-- A reply is new until it is bound to what it answers; `needs` says why a person has to look, '' when nobody has to.
alter table replies add column state text not null default 'settled';
alter table replies add column provider_answers integer not null default 0;
alter table replies add column event_id text not null default '';
alter table replies add column rule text not null default '';
alter table replies add column key text not null default '';
alter table replies add column needs text not null default '';
alter table replies add column answer_id text not null default '';
create index replies_new on replies (at) where state = 'new';
create index replies_needing on replies (number) where needs <> '';
create index replies_message on replies (message_id) where message_id <> '';

-- One row per phone that ever wrote: a list of them must not read every reply.
create table conversations (
    id integer primary key,
    number text not null unique,
    last_at integer not null,
    needs integer not null default 0
);
create index conversations_order on conversations ((needs > 0), last_at, id);
create index conversations_needing on conversations (last_at) where needs > 0;
insert into conversations (number, last_at) select number, max(at) from replies group by number;

-- What a reply changes at the source, and how far that got: waiting, done or failed.
create table write_backs (
    id integer primary key,
    reply_id text not null,
    event_id text not null,
    message_id text not null,
    source text not null,
    intent text not null,
    fields text not null,
    note text not null,
    state text not null,
    tries integer not null default 0,
    next_at integer not null,
    error text not null default '',
    at integer not null
);
create index write_backs_waiting on write_backs (next_at) where state = 'waiting';
create index write_backs_reply on write_backs (reply_id);
