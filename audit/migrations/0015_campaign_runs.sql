-- What a campaign needs to be changed safely, capped and reported on; and how much may leave in all.

alter table campaigns add column version integer not null default 1;
alter table campaigns add column changed text not null default '';  -- the last change in words
alter table campaigns add column changed_by text not null default '';
alter table campaigns add column changed_at integer not null default 0;
alter table campaigns add column rate real not null default -1;  -- texts per second set by hand; -1 is the rule's rate
alter table campaigns add column budget integer not null default 0;  -- millionths, set by hand in place of the rule's
alter table campaigns add column parked text not null default '';  -- why nothing of it is planned now
alter table campaigns add column parked_until integer not null default 0;
alter table campaigns add column uncapped_day integer not null default 0;  -- the day on which an operator lifted its caps
alter table campaigns add column warned_day integer not null default 0;
alter table campaigns add column failed_before integer not null default 0;  -- failures of earlier runs, looked at already
alter table campaigns add column ended_before integer not null default 0;

-- People whose time has not come: another zone, closed hours, the allowance of a country.
create table campaign_later (
    campaign_id text not null,
    due integer not null,
    row integer not null,
    why text not null,
    primary key (campaign_id, due, row)
) without rowid;

create table campaign_counts (
    campaign_id text not null,
    variant text not null,
    measure text not null,  -- planned, skipped
    label text not null,  -- the reason of what is skipped
    amount integer not null,
    primary key (campaign_id, variant, measure, label)
) without rowid;

-- What was planned per day in UTC, and what it costs by the price table.
create table campaign_days (
    campaign_id text not null,
    day integer not null,
    country text not null,
    currency text not null,
    texts integer not null,
    segments integer not null,
    micros integer not null,
    primary key (campaign_id, day, country, currency)
) without rowid;

create index messages_marketing on messages (number, due_at) where category <> '';

-- The caps of the settings, as the service that started last has them: texts, texts/DE, texts/*, money/EUR.
create table caps (
    name text primary key,
    most integer not null,  -- texts, or millionths of the currency
    bulk integer not null  -- how much of it bulk texts may use
) without rowid;

-- What left per day in UTC, counted only while there are caps. An empty currency counts texts.
create table spending (
    day integer not null,
    currency text not null,
    country text not null,
    amount integer not null,
    primary key (day, currency, country)
) without rowid;

create table cap_days (
    day integer not null,
    name text not null,
    extra integer not null default 0,  -- what an operator allowed on top
    told integer not null default 0,  -- the share of a hundred that was told of
    primary key (day, name)
) without rowid;
