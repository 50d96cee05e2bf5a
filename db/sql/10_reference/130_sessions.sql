-- Stage     10 reference
-- Makes     reference.sessions, reference.session_overrides
-- Kind      table
-- Grain     one row a (calendar, trade_date)
-- Known at  changed_at
-- Reads     reference.keep_version()
-- Nulls     an override's times where they do not change
-- Why       The exchange's day is not the calendar's: hours, the daily break,
--           holidays and early closes in one table for all joins.

create table reference.sessions (
    calendar text not null,
    trade_date date not null,
    session_number integer not null,
    open_at timestamptz not null,
    close_at timestamptz not null,
    regular_open_at timestamptz,
    regular_close_at timestamptz,
    is_early_close boolean not null default false,
    note text,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (calendar, trade_date),
    unique (calendar, session_number),
    check (open_at < close_at),
    check (regular_open_at < regular_close_at),
    check (num_nulls(regular_open_at, regular_close_at) <> 1)
);

create index sessions_open_at on reference.sessions (calendar, open_at);

create trigger keep_version
before update or delete on reference.sessions
for each row execute function reference.keep_version('calendar', 'trade_date');

create table reference.session_overrides (
    calendar text not null,
    trade_date date not null,
    is_closed boolean not null default false,
    open_at timestamptz,
    close_at timestamptz,
    has_regular_hours boolean not null default true,
    note text not null,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (calendar, trade_date),
    check (open_at < close_at),
    check (is_closed <> (num_nonnulls(open_at, close_at) > 0))
);

create trigger keep_version
before update or delete on reference.session_overrides
for each row execute function reference.keep_version('calendar', 'trade_date');

comment on table reference.sessions is
    'When each market is open: one row a calendar and trade date.';
comment on column reference.sessions.calendar is
    'Whose hours: CME_EQUITY, CME_RATES, CME_ENERGY, CME_METALS, CFE, ICE.';
comment on column reference.sessions.trade_date is
    'The exchange''s day, as market.ticks.trade_date.';
comment on column reference.sessions.session_number is
    'The session''s own number in its calendar, ascending.';
comment on column reference.sessions.open_at is
    'First instant of the session.';
comment on column reference.sessions.close_at is
    'First instant after the session.';
comment on column reference.sessions.regular_open_at is
    'First instant of regular hours; null where the day has none.';
comment on column reference.sessions.regular_close_at is
    'First instant after regular hours; null where the day has none.';
comment on column reference.sessions.is_early_close is
    'Whether it closes before its usual hour.';
comment on column reference.sessions.note is
    'Why it differs from a usual day.';
comment on column reference.sessions.version is
    'Counts the changes of this row, from 1.';
comment on column reference.sessions.changed_at is
    'When this version was written.';

comment on table reference.session_overrides is
    'A person''s corrections of the calendar library.';
comment on column reference.session_overrides.calendar is 'Whose hours.';
comment on column reference.session_overrides.trade_date is 'Which day.';
comment on column reference.session_overrides.is_closed is
    'Whether the day has no session at all.';
comment on column reference.session_overrides.open_at is
    'First instant of the session; null leaves it as it was.';
comment on column reference.session_overrides.close_at is
    'First instant after the session; null leaves it as it was.';
comment on column reference.session_overrides.has_regular_hours is
    'Whether the day has regular hours, cut to open_at and close_at.';
comment on column reference.session_overrides.note is
    'Origin of the correction.';
comment on column reference.session_overrides.version is
    'Counts the changes of this row, from 1.';
comment on column reference.session_overrides.changed_at is
    'When this version was written.';
