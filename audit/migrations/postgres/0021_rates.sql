-- What gateways may still be given, shared by all processes.

-- `full_at` is when the allowance will be whole again and `drawn` how much of it was last drawn, as the time it takes to
-- grow back; both in microseconds. Unlogged, so that a draw waits for no disk. After a crash of the server the table is
-- empty, and an allowance that is not known begins empty: nobody gets twice what was drawn before.
create unlogged table rates (
    name text primary key,
    full_at bigint not null,
    drawn bigint not null
);
