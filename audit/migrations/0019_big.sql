-- Which event a request brought: without this, purging a request and proving one read every event.
create index events_body on events (body_id) where body_id is not null;
