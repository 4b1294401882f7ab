-- Requests of programs that carry an Idempotency-Key, with their answer: who asks again gets it again.

create table idempotency (
    key_id integer not null,  -- the API key that asked
    name text not null,  -- what it wrote in Idempotency-Key
    fingerprint blob not null,  -- of method, path and body: the same name with another body is a mistake
    status integer not null default 0,  -- 0 while it runs
    body text not null default '',
    location text not null default '',
    at integer not null,
    primary key (key_id, name)
) without rowid;
create index idempotency_age on idempotency (at);
