-- Stage     85 people
-- Makes     people.audit
-- Kind      table
-- Grain     one row a call that changes something, login or refusal
-- Known at  at
-- Reads     –
-- Nulls     role, before it is known who asks; what a call does not have
-- Why       Who did what, and who tried: rows are only ever added.

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
