-- Stage     10 reference
-- Makes     reference.calendars
-- Kind      table
-- Grain     one row a calendar that a user added
-- Known at  changed_at
-- Reads     reference.keep_version()
-- Nulls     holidays_of where it has no holidays
-- Why       Thor knows the hours of the exchanges that it was made for; another
--           exchange's are a row, of which its sessions are computed.

create table reference.calendars (
    calendar text primary key check (calendar ~ '^[A-Z][A-Z0-9_]{1,31}$'),
    zone text not null,
    open time not null,
    close time not null,
    regular_open time not null,
    regular_close time not null,
    opens_on_day boolean not null default false,
    holidays_of text,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    check (regular_open < regular_close),
    check (not opens_on_day or open < close)
);

create trigger keep_version
before update or delete on reference.calendars
for each row execute function reference.keep_version('calendar');

comment on table reference.calendars is
    'Calendars that a user added beside those that Thor knows.';
comment on column reference.calendars.calendar is
    'Its name, as calendar of instruments and sessions says it.';
comment on column reference.calendars.zone is
    'Whose wall clock its times are on, Europe/Berlin say.';
comment on column reference.calendars.open is
    'When a session opens, on the eve of its trade date or on the day.';
comment on column reference.calendars.close is
    'When it closes, on its trade date.';
comment on column reference.calendars.regular_open is
    'When its regular hours begin.';
comment on column reference.calendars.regular_close is
    'When its regular hours end.';
comment on column reference.calendars.opens_on_day is
    'Whether it opens on the day itself, not on the eve.';
comment on column reference.calendars.holidays_of is
    'The calendar whose closed days it shares; null: it has none.';
comment on column reference.calendars.version is
    'Counts the changes of this row, from 1.';
comment on column reference.calendars.changed_at is
    'When this version was written.';
