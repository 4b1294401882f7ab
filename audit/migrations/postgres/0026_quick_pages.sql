-- SQLite's index of words gets a list of its words here; the one of a server needs none.

-- What became of the texts and decisions of a minute (its first millisecond), for the days the first page shows;
-- audit/minutes.py keeps them, and counts one that is not there.
create table minutes (
    begins bigint primary key,
    sent bigint not null,
    delivered bigint not null,
    reported bigint not null,
    failed bigint not null,
    skipped bigint not null
);
