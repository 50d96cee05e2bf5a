create schema if not exists people;

comment on schema people is
    'Who may look and who may act: accounts, sessions, keys, the audit.';

create table people.users (
    user_id bigint generated always as identity primary key,
    email text not null unique check (
        email = lower(email)
        and email ~ '^[^@[:space:]]+@[^@[:space:]]+$'
        and length(email) <= 254
    ),
    password_hash text not null check (password_hash ~ '^[$]argon2id[$]'),
    role text not null default 'TRADER'
    check (role in ('VIEWER', 'TRADER', 'ADMIN', 'OWNER')),
    is_approved boolean not null default false,
    is_enabled boolean not null default true,
    display_name text not null default '' check (length(display_name) <= 80),
    time_zone text not null default 'America/Chicago',
    totp_secret text,
    totp_pending text,
    totp_step bigint,
    created_at timestamptz not null default now(),
    approved_at timestamptz,
    approved_by text,
    password_changed_at timestamptz not null default now(),
    last_login_at timestamptz
);

comment on table people.users is
    'Accounts: who may log in, and in which role.';
comment on column people.users.user_id is 'Its number.';
comment on column people.users.email is
    'The e-mail address that it logs in with, in lower case.';
comment on column people.users.password_hash is
    'Argon2id hash of its password.';
comment on column people.users.role is
    'What it may do: VIEWER, TRADER, ADMIN, OWNER, each what the one before '
    'may too.';
comment on column people.users.is_approved is
    'Whether an ADMIN has approved it.';
comment on column people.users.is_enabled is
    'Whether it may log in; an ADMIN switches it.';
comment on column people.users.display_name is 'Its name for people.';
comment on column people.users.time_zone is
    'The zone that its pages show, America/Chicago say.';
comment on column people.users.totp_secret is
    'Secret of its second factor, in base 32.';
comment on column people.users.totp_pending is
    'Secret of a second factor that no code has confirmed yet.';
comment on column people.users.totp_step is
    'The 30 s step of the code used last: a code is good once.';
comment on column people.users.created_at is 'When it was registered, UTC.';
comment on column people.users.approved_at is 'When it was approved, UTC.';
comment on column people.users.approved_by is 'Who approved it.';
comment on column people.users.password_changed_at is
    'When its password was set, UTC.';
comment on column people.users.last_login_at is
    'When it logged in last, UTC.';

create table people.settings (
    user_id bigint not null references people.users on delete cascade,
    key text not null check (key ~ '^[a-z0-9._-]{1,64}$'),
    value jsonb not null,
    changed_at timestamptz not null default now(),
    primary key (user_id, key)
);

comment on table people.settings is
    'What an account has set for its pages: layouts, columns, theme.';
comment on column people.settings.user_id is 'Whose it is.';
comment on column people.settings.key is 'Its name, layout.board say.';
comment on column people.settings.value is 'Its value, of any form.';
comment on column people.settings.changed_at is 'When it was set, UTC.';

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

create table people.audit (
    audit_id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    who text not null,
    role text,
    method text not null,
    route text not null,
    status integer not null,
    object text,
    before jsonb,
    after jsonb,
    request_id uuid,
    address text,
    key text
);

create index audit_at on people.audit (at);
create index audit_who on people.audit (who, at);

comment on table people.audit is
    'Calls that change something, logins and refusals. The application may '
    'add rows and read them, and change none.';
comment on column people.audit.audit_id is 'Its number.';
comment on column people.audit.at is 'When it was answered, UTC.';
comment on column people.audit.who is
    'Who asked: an e-mail address, local where nobody logs in, nobody where '
    'it is not known, cli:<user> for a command.';
comment on column people.audit.role is 'The role of who asked, then.';
comment on column people.audit.method is
    'POST, PATCH, PUT, DELETE or GET; CLI for a command.';
comment on column people.audit.route is
    'The route without its values, or the command.';
comment on column people.audit.status is
    'The HTTP status of the answer; of a command 200 where it was done.';
comment on column people.audit.object is
    'What it was about: the values in the path, or the account.';
comment on column people.audit.before is 'What was, where it is known.';
comment on column people.audit.after is
    'What was asked for; secrets are left out.';
comment on column people.audit.request_id is
    'The header Thor-Request-Id of the answer.';
comment on column people.audit.address is 'The address that asked.';
comment on column people.audit.key is
    'How the key begins that asked, where a program did.';
