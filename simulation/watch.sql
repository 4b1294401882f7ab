-- What the tables show only for a moment, kept beside the journal row it belongs to (`row` is the newest one then).
create table sim_moves (id integer primary key, row integer, message text, old text, new text);
create trigger sim_moved after update of state on messages when old.state <> new.state begin
    insert into sim_moves (row, message, old, new)
    values ((select max(id) from journal), new.id, old.state, new.state);
end;

create table sim_attempts (
    row integer primary key, at integer, message text, gateway text, try text, number text, sent_to text, text text,
    category text, rule text, key text, lane integer, due_at integer, expires_at integer, rechecked_at integer,
    on_unknown text, next_after integer, occurred_at integer, test integer, source text, transport_id text,
    closed integer, newest integer, paused text
);
create trigger sim_attempted after insert on journal when new.kind = 'attempt' begin
    insert into sim_attempts
    select new.id, new.at, m.id, new.gateway, new.detail, m.number, m.sent_to, m.text, m.category, m.rule, m.key,
        m.lane, m.due_at, m.expires_at, m.rechecked_at, m.on_unknown, m.next_after, e.occurred_at, c.test, e.source,
        e.transport_id, r.closed, r.occurred_at,
        (select group_concat(scope || ':' || name || ':' || spared, ';') from pauses)
    from messages m left join events e on e.id = m.event_id left join sim_came c on c.id = m.event_id
    left join records r on m.key <> '' and r.rule = m.rule and r.key = m.key where m.id = new.message_id;
end;

create table sim_wishes (id integer primary key, row integer, number text, category text, status text, channel text);
create trigger sim_wished after insert on consent_history begin
    insert into sim_wishes (row, number, category, status, channel)
    values ((select coalesce(max(id), 0) from journal), new.number, new.category, new.status, new.channel);
end;

create table sim_came (id text primary key, source text, transport_id text, test integer);
create trigger sim_arrived after insert on events begin
    insert into sim_came values (new.id, new.source, new.transport_id, new.test);
end;

-- Retention takes journal rows away, with the seals over them; the checks still want to read them.
create table sim_purged as select * from journal where 0;
create trigger sim_purge before delete on journal begin
    insert into sim_purged select * from journal where id = old.id;
end;
