-- Lists from workbooks and queries, lists that were stopped or removed, and the whole rows that cannot be texted.

alter table lists add column kind text not null default 'csv';  -- csv, xlsx or query
alter table lists add column origin text not null default '';  -- the sheet, or the source that was asked
alter table lists add column query text not null default '';
alter table lists add column heading text not null default '[]';  -- the columns as they were written
alter table lists add column hidden integer not null default 0;
alter table lists add column stopped text not null default '';
alter table lists add column removed_at integer not null default 0;

alter table list_faults add column cells text not null default '[]';  -- the row as it was written
