-- What the console shows of sources, and what people keep there.

-- Per source and hour: received, unreadable (among those), redelivered, lookup_failed. A source that falls quiet is
-- seen against the same hours of earlier weeks.
create table source_hours (
    source text not null,
    hour integer not null,
    kind text not null,
    amount integer not null,
    primary key (source, hour, kind)
) without rowid;
create index source_hours_hour on source_hours (hour);

-- Requests the door refused, per configured source and hour: few rows, however many requests.
create table refusals (
    source text not null,
    hour integer not null,
    reason text not null,
    amount integer not null,
    primary key (source, hour, reason)
) without rowid;
create index refusals_hour on refusals (hour);

-- When a poll last got an answer; `at` is when it was last tried.
alter table cursors add column moved_at integer not null default 0;
update cursors set moved_at = at where error = '';

-- Filters that people gave a name.
create table views (
    id integer primary key,
    name text not null unique,
    page text not null,
    query text not null,
    actor text not null,
    at integer not null
);

-- Many events planned again: which, how far that got, and for whom. `after` is the last event looked at.
create table replays (
    id integer primary key,
    filter text not null,
    upto text not null,
    after text not null default '',
    total integer not null,
    done integer not null default 0,
    failed integer not null default 0,
    state text not null,
    actor text not null,
    at integer not null,
    ended_at integer not null default 0
);
create index replays_running on replays (id) where state = 'running';
