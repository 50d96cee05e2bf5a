-- Stage     85 people
-- Makes     people.signing_keys, people.sessions, people.refresh_tokens
-- Kind      table
-- Grain     one row a key that signs; one row a login; one row a token given
-- Known at  made_at, created_at, issued_at
-- Reads     people.users
-- Nulls     what has not happened yet
-- Why       A session ends for all its tokens at once, also when one of them is
--           used twice: then somebody has stolen it.

create table people.signing_keys (
    key_id text primary key check (key_id ~ '^[0-9a-f]{8}$'),
    secret text not null check (length(secret) >= 43),
    made_at timestamptz not null default now()
);

comment on table people.signing_keys is
    'What signs the access tokens of this database; the newest one.';
comment on column people.signing_keys.key_id is
    'Its name, which the cookies carry.';
comment on column people.signing_keys.secret is
    '32 random bytes, as text of base 64.';
comment on column people.signing_keys.made_at is 'When it was made, UTC.';

create table people.sessions (
    session_id uuid primary key default gen_random_uuid(),
    user_id bigint not null references people.users on delete cascade,
    created_at timestamptz not null default now(),
    last_used_at timestamptz not null default now(),
    expires_at timestamptz not null,
    ended_at timestamptz,
    end_reason text,
    address text,
    agent text,
    check ((ended_at is null) = (end_reason is null))
);

create index sessions_user on people.sessions (user_id);

comment on table people.sessions is
    'Logins: each lasts until it is ended or nobody has used it for 7 days.';
comment on column people.sessions.session_id is 'Its number.';
comment on column people.sessions.user_id is 'Who logged in.';
comment on column people.sessions.created_at is 'When, UTC.';
comment on column people.sessions.last_used_at is
    'When it was renewed last, UTC.';
comment on column people.sessions.expires_at is
    'When it ends unless it is renewed, UTC.';
comment on column people.sessions.ended_at is 'When it was ended, UTC.';
comment on column people.sessions.end_reason is
    'Why: logged out, a token used twice, the password changed.';
comment on column people.sessions.address is
    'The address that logged in.';
comment on column people.sessions.agent is
    'What the browser calls itself.';

create table people.refresh_tokens (
    token_sha256 text primary key check (token_sha256 ~ '^[0-9a-f]{64}$'),
    session_id uuid not null
    references people.sessions on delete cascade,
    issued_at timestamptz not null default now(),
    used_at timestamptz,
    replaced_by text
);

create index refresh_tokens_session on people.refresh_tokens (session_id);

comment on table people.refresh_tokens is
    'The tokens that renew a session: each is used once and replaced.';
comment on column people.refresh_tokens.token_sha256 is
    'SHA-256 of the token, in hex.';
comment on column people.refresh_tokens.session_id is
    'The session that it renews.';
comment on column people.refresh_tokens.issued_at is
    'When it was given, UTC.';
comment on column people.refresh_tokens.used_at is 'When it was used, UTC.';
comment on column people.refresh_tokens.replaced_by is
    'SHA-256 of the token that replaced it.';
