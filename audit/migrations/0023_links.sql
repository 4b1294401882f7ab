-- Short links of texts, and how often somebody followed them.

-- `target` is empty once the link has ended or the person was erased. `clicks` are people, `looks` are programs that
-- make previews; of each at most one in ten seconds is counted.
create table links (
    code text primary key,
    message_id text not null,
    target text not null,
    expires_at integer not null,
    clicks integer not null default 0,
    clicked_at integer,
    last_at integer,
    looks integer not null default 0,
    looked_at integer
) without rowid;
create index links_message on links (message_id);
create index links_ending on links (expires_at) where target <> '';

alter table messages add column links integer not null default 0;  -- how many short links it holds
alter table messages add column clicked_at integer;  -- when somebody first followed one of them
