-- Codes that somebody has to enter. No code is kept, not even as a hash: it follows from the id and the pepper.
create table verifications (
    id text primary key,
    number text not null,
    purpose text not null,
    prefix text not null,
    country text not null,
    state text not null,
    tries integer not null default 0,
    created_at integer not null,
    expires_at integer not null,
    sent_at integer not null default 0,
    settled_at integer not null default 0,
    actor text not null,
    refused text not null default '',
    evidence text not null default ''
);
create index verifications_open on verifications (number, purpose) where state = 'pending';
create index verifications_prefix on verifications (prefix, created_at);
create index verifications_created on verifications (created_at, id);

-- Every code that was sent, for the limits.
create table verification_sends (
    id integer primary key,
    verification_id text not null,
    number text not null,
    prefix text not null,
    country text not null,
    origin text not null,  -- a hash of the address the request came from
    at integer not null,
    cost integer not null  -- millionths of the currency of the price
);
create index verification_sends_number on verification_sends (number, at);
create index verification_sends_prefix on verification_sends (prefix, at);
create index verification_sends_country on verification_sends (country, at);
create index verification_sends_origin on verification_sends (origin, at);
create index verification_sends_at on verification_sends (at);
