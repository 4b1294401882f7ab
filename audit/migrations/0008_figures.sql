-- What is counted per day, so that a report reads a few thousand rows and not every message.

alter table messages add column country text not null default '';

-- `measure` is what was counted, `label` splits it further: a reason, a currency, a span of time.
create table figures (
    day integer not null,
    rule text not null,
    source text not null,
    campaign text not null,
    gateway text not null,
    country text not null,
    measure text not null,
    label text not null,
    amount integer not null,
    primary key (day, rule, source, campaign, gateway, country, measure, label)
) without rowid;
