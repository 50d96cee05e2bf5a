-- Stage     85 people
-- Makes     people.keys, people.setup_links, people.attempts
-- Kind      table
-- Grain     one row a key; one row a link; one row an attempt
-- Known at  created_at, made_at, at
-- Reads     people.users
-- Nulls     what has not happened yet; expires_at of a key that does not end
-- Why       A program has a key of its own, which can be taken back alone.

create table people.keys (
    key_id bigint generated always as identity primary key,
    user_id bigint not null references people.users on delete cascade,
    name text not null check (length(name) between 1 and 80),
    prefix text not null unique check (prefix ~ '^thor_[0-9a-f]{8}$'),
    key_sha256 text not null unique check (key_sha256 ~ '^[0-9a-f]{64}$'),
    scopes text[] not null check (
        cardinality(scopes) > 0 and scopes <@ '{read,trade,admin}'::text[]
    ),
    created_at timestamptz not null default now(),
    expires_at timestamptz,
    last_used_at timestamptz,
    revoked_at timestamptz,
    revoked_by text
);

create index keys_user on people.keys (user_id);

comment on table people.keys is
    'Keys of programs: each acts for its owner, within its scopes.';
comment on column people.keys.key_id is 'Its number.';
comment on column people.keys.user_id is 'Whose it is.';
comment on column people.keys.name is 'What it is for.';
comment on column people.keys.prefix is
    'How it begins, which tells keys apart and gives nothing away.';
comment on column people.keys.key_sha256 is
    'SHA-256 of the whole key, in hex: the key itself was shown once.';
comment on column people.keys.scopes is
    'What it may be used for: read, trade, admin.';
comment on column people.keys.created_at is 'When it was made, UTC.';
comment on column people.keys.expires_at is 'When it ends, UTC.';
comment on column people.keys.last_used_at is
    'When it was used last, UTC, to the minute.';
comment on column people.keys.revoked_at is 'When it was taken back, UTC.';
comment on column people.keys.revoked_by is 'Who took it back.';

create table people.setup_links (
    link_sha256 text primary key check (link_sha256 ~ '^[0-9a-f]{64}$'),
    made_at timestamptz not null default now(),
    made_by text not null,
    expires_at timestamptz not null,
    used_at timestamptz
);

comment on table people.setup_links is
    'Links that set up the first owner: each is used once.';
comment on column people.setup_links.link_sha256 is
    'SHA-256 of the token in the link, in hex.';
comment on column people.setup_links.made_at is 'When it was made, UTC.';
comment on column people.setup_links.made_by is 'Who made it.';
comment on column people.setup_links.expires_at is 'When it ends, UTC.';
comment on column people.setup_links.used_at is
    'When an owner was set up with it, UTC.';

create table people.attempts (
    attempt_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    kind text not null
    check (kind in ('login', 'register', 'setup', 'password')),
    account_sha256 text not null check (account_sha256 ~ '^[0-9a-f]{64}$'),
    address text not null,
    is_ok boolean not null default false
);

create index attempts_account on people.attempts (account_sha256, at);
create index attempts_address on people.attempts (address, at);
create index attempts_at on people.attempts (at);

comment on table people.attempts is
    'Attempts of the last day to log in, register or set up: too many wrong '
    'ones have to wait.';
comment on column people.attempts.attempt_id is 'Its number.';
comment on column people.attempts.at is 'When it was made, UTC.';
comment on column people.attempts.kind is
    'What was attempted: login, register, setup, password.';
comment on column people.attempts.account_sha256 is
    'SHA-256 of the e-mail address, since a password may be typed there.';
comment on column people.attempts.address is 'The address that it came from.';
comment on column people.attempts.is_ok is 'Whether it was right.';
