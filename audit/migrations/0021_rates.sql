-- What gateways may still be given, where several processes share it. With this engine there is one process, and the
-- table stays empty: dispatch/rates.py counts in memory.

-- `full_at` is when the allowance will be whole again and `drawn` how much of it was last drawn, as the time it takes to
-- grow back; both in microseconds.
create table rates (
    name text primary key,
    full_at integer not null,
    drawn integer not null
) without rowid;
