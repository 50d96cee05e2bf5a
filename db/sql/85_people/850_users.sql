-- Stage     85 people
-- Makes     people.users, people.settings
-- Kind      table
-- Grain     one row an account; one row a setting of an account
-- Known at  created_at, changed_at
-- Reads     –
-- Nulls     what has not happened yet; totp_* where there is no second factor
-- Why       A person acts under a name. Nobody acts before an ADMIN approves.

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
