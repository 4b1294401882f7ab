-- Figures that only ever grow, counted from the journal row by row: what /metrics shows and how punctual each day was.

-- `labels` are the values of a figure's labels with a tab between them; `bucket` is the upper end of a span of time in
-- milliseconds, 0 for a plain count; `total` is the sum of the times that fell into it, in milliseconds.
create table tallies (
    figure text not null,
    labels text not null,
    bucket bigint not null,
    amount bigint not null,
    total bigint not null,
    primary key (figure, labels, bucket)
);

-- One row for each day (its first millisecond, UTC) on which texts were due, and lane.
create table punctuality (
    day bigint not null,
    lane bigint not null,
    in_time bigint not null default 0,
    late bigint not null default 0,
    never bigint not null default 0,
    refused bigint not null default 0,
    primary key (day, lane)
);
