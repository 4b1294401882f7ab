-- What a verification looks like from outside, also where no code was sent: the same number finds the same one.
alter table verifications add column subject text not null default '';  -- a keyed hash of what was asked for
alter table verifications add column asked_at bigint not null default 0;
alter table verifications add column simulated bigint not null default 0;
alter table verifications add column locale text not null default '';
alter table verifications add column domain text not null default '';
create index verifications_subject on verifications (subject, expires_at);
create index verifications_number on verifications (number, created_at);

-- The event whose text carried the code.
alter table verification_sends add column event_id text not null default '';
create index verification_sends_cost on verification_sends (at, country, cost);
create index verification_sends_verification on verification_sends (verification_id);

-- What an operator said about neighbouring numbers.
create table verification_rulings (
    prefix text primary key,
    ruling text not null,
    until bigint not null,
    reason text not null,
    actor text not null,
    at bigint not null
);

-- How often something happened since the beginning. Rows of verifications go after a while; these only grow.
create table verification_totals (
    what text not null,
    reason text not null,
    total bigint not null,
    primary key (what, reason)
);
