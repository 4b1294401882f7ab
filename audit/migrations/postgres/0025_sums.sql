-- What a report adds up: the counts of figures by one thing at a time, per day and per month that is over.

-- `split` is what they are split by: rule, source, campaign, gateway, country, or '' for all together; `span` is 'day' or
-- 'month', `begins` its first millisecond (UTC). audit/sums.py keeps them; a month that is not there is read day by day.
create table sums (
    split text not null,
    span text not null,
    begins bigint not null,
    what text not null,
    measure text not null,
    label text not null,
    amount bigint not null,
    primary key (split, span, begins, what, measure, label)
);

insert into sums (split, span, begins, what, measure, label, amount)
select 'rule', 'day', day, rule, measure, label, sum(amount) from figures group by day, rule, measure, label;
insert into sums (split, span, begins, what, measure, label, amount)
select 'source', 'day', day, source, measure, label, sum(amount) from figures group by day, source, measure, label;
insert into sums (split, span, begins, what, measure, label, amount)
select 'campaign', 'day', day, campaign, measure, label, sum(amount) from figures group by day, campaign, measure, label;
insert into sums (split, span, begins, what, measure, label, amount)
select 'gateway', 'day', day, gateway, measure, label, sum(amount) from figures group by day, gateway, measure, label;
insert into sums (split, span, begins, what, measure, label, amount)
select 'country', 'day', day, country, measure, label, sum(amount) from figures group by day, country, measure, label;
insert into sums (split, span, begins, what, measure, label, amount)
select '', 'day', day, '', measure, label, sum(amount) from figures group by day, measure, label;
