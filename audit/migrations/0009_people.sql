-- People who sign in, their sessions, and the keys of programs. Of passwords, codes and keys only digests are here.

create table users (
    id integer primary key,
    name text not null collate nocase unique,
    role text not null,
    password text not null,  -- argon2id; '' when only an identity provider vouches for this person
    password_at integer not null,
    password_new integer not null,  -- 1 while it is one that somebody else made up
    subject text not null default '',  -- issuer and subject at the identity provider
    totp text not null default '',  -- the secret of the second factor, in base32
    totp_new text not null default '',  -- one that is shown and not confirmed yet
    totp_step integer not null default 0,  -- the newest step whose code was used: no code works twice
    disabled_at integer not null default 0,
    signed_in_at integer not null default 0,
    created_at integer not null
);
create unique index users_subject on users (subject) where subject <> '';

create table recovery_codes (
    user_id integer not null references users (id) on delete cascade,
    salt blob not null,
    digest blob not null,
    used_at integer not null default 0,
    primary key (user_id, digest)
) without rowid;

create table sessions (
    id integer primary key,
    digest blob not null unique,
    user_id integer not null references users (id) on delete cascade,
    created_at integer not null,
    seen_at integer not null,
    address text not null,
    agent text not null
);
create index sessions_user on sessions (user_id, seen_at);
create index sessions_age on sessions (created_at);

-- How often signing in failed, by account and by address, and until when the next try has to wait.
create table sign_in_failures (
    scope text not null,
    name text not null,
    failures integer not null,
    at integer not null,
    until integer not null,
    primary key (scope, name)
) without rowid;
create index sign_in_failures_age on sign_in_failures (at);

create table api_keys (
    id integer primary key,
    name text not null,
    kind text not null,
    scopes text not null,
    prefix text not null unique,
    digest blob not null,
    created_at integer not null,
    created_by text not null,
    expires_at integer not null default 0,
    used_at integer not null default 0,
    revoked_at integer not null default 0
);
create unique index api_keys_name on api_keys (name) where revoked_at = 0;
create index journal_deeds on journal (id) where kind in ('operator', 'rules', 'replayed', 'erased');
