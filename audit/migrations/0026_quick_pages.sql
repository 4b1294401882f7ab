-- The words that full-text search knows, in order (fts5vocab): one row for each place of a word, none of them stored.
create virtual table finder_terms using fts5vocab('finder', 'instance');

-- What became of the texts and decisions of a minute (its first millisecond), for the days the first page shows;
-- audit/minutes.py keeps them, and counts one that is not there.
create table minutes (
    begins integer primary key,
    sent integer not null,
    delivered integer not null,
    reported integer not null,
    failed integer not null,
    skipped integer not null
);
