-- Proof that the record is what it was: seals over the journal, and what each attempt and each request held.

create table seals (
    number integer primary key,
    first integer not null,
    last integer not null,
    rows integer not null,
    at integer not null,
    previous text not null,
    digest text not null,
    marks blob not null,  -- per row: its id less `first` (4 bytes), the start of its hash (8 bytes)
    purged_at integer not null default 0
);

-- Up to when the journal is past its time: what is older cannot be explained any more.
create view explained as select coalesce(max(at), 0) as since from seals where purged_at > 0;

alter table journal add column proof text not null default '';

-- Where the search index has the words of an event, so that they can be taken out again.
alter table events add column found integer not null default 0;

-- Mixed into the proof of an attempt, so that nobody finds a number by trying them all; wiped when a person is erased.
alter table messages add column salt text not null default '';
