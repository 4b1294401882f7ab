-- What the console asks: which decisions fell in a time, and how a day went beside the same day a week before.

create index journal_at on journal (at, reason) where kind = 'decision';
create index messages_created on messages (created_at);
create index messages_replied on messages (replied_at) where replied_at is not null;
