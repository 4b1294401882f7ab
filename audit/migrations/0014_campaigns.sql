-- Lists of people, and the campaigns that text them.

create table lists (
    id text primary key,
    name text not null,
    hash text not null,
    columns text not null,
    rows integer not null default 0,
    doubles integer not null default 0,
    wrong integer not null default 0,
    actor text not null,
    created_at integer not null,
    complete integer not null default 0
);
create index lists_hash on lists (hash);

create table list_rows (
    list_id text not null,
    row integer not null,  -- as the spreadsheet counts
    number text not null,
    data text not null,
    primary key (list_id, row)
) without rowid;
create unique index list_rows_number on list_rows (list_id, number);

create table list_faults (
    list_id text not null,
    row integer not null,
    column_name text not null,
    cell text not null,
    why text not null,
    primary key (list_id, row)
) without rowid;

create table campaigns (
    id text primary key,
    rule text not null,
    rule_hash text not null,
    list_id text not null,
    state text not null,
    reason text not null default '',
    actor text not null,
    created_at integer not null,
    started_at integer not null default 0,
    ended_at integer not null default 0,
    row integer not null default 0,  -- the last row that was planned
    last_due integer not null default 0,
    planned integer not null default 0,
    skipped integer not null default 0
);
create index campaigns_running on campaigns (id) where state = 'running';

create table approvals (
    campaign_id text not null,
    actor text not null,
    at integer not null,
    primary key (campaign_id, actor)
) without rowid;

create index messages_campaign on messages (campaign, state) where campaign <> '';
