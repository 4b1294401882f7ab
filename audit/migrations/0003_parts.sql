-- A long text that the provider takes in parts: each has an id and receipts of its own.
create table parts (
    gateway text not null,
    provider_id text not null,
    message_id text not null,
    part integer not null,
    state text not null,
    error_code text not null,
    primary key (message_id, part)
) without rowid;
create index parts_provider on parts (provider_id) where provider_id <> '';

-- Other spellings of the ids in `unmatched` (hex for decimal and the like); they count together with the number.
alter table unmatched add column number text not null default '';
create table spellings (
    spelling text not null,
    unmatched_id integer not null,
    primary key (spelling, unmatched_id)
) without rowid;

-- Parts of long texts from phones that wait for the others. `text` is UTF-16: a part may end in half a character.
create table reply_parts (
    gateway text not null,
    number text not null,
    our_number text not null,
    reference text not null,
    total integer not null,
    part integer not null,
    id text not null,
    text blob not null,
    at integer not null,
    primary key (gateway, number, our_number, reference, total, part)
) without rowid;
create index reply_parts_at on reply_parts (at);
