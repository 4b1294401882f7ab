-- The newest request a source was refused for: what it looked like and what was found out about it, never its secrets
-- or its body. One row for each source.
create table last_refused (
    source text primary key,
    at integer not null,
    reason text not null,
    detail text not null,
    method text not null,
    url text not null,
    headers text not null,
    size integer not null,
    digest text not null,
    findings text not null
) without rowid;

-- What a source's system has promised to tell us, as it stood at the last look.
create table subscriptions (
    source text not null,
    id text not null,
    topics text not null,
    state text not null,
    ends_at integer not null default 0,
    looked_at integer not null,
    primary key (source, id)
) without rowid;

-- How the last look at a source's subscriptions went; '' is well.
create table subscription_care (
    source text primary key,
    at integer not null,
    trouble text not null
) without rowid;

-- People as a CRM knows them, for the events of systems that know no phone. `number` is E.164 where it could be read.
create table contacts (
    id integer primary key,
    source text not null,
    contact text not null,
    email text not null,
    phone text not null,
    number text not null,
    name text not null,
    locale text not null,
    at integer not null,
    unique (source, contact)
);
create index contacts_email on contacts (source, email) where email <> '';
create index contacts_number on contacts (number) where number <> '';
create index contacts_at on contacts (at);
