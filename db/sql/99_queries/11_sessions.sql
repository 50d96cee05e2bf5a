-- Stage     10 reference
-- Trading sessions.

-- name: sessions
select
    s.calendar, s.trade_date, s.session_number, s.open_at, s.close_at,
    s.regular_open_at, s.regular_close_at, s.is_early_close, s.note
from reference.sessions as s
where s.close_at > %(ts_from)s::timestamptz
    and s.open_at < %(ts_to)s::timestamptz
order by s.calendar, s.open_at;

-- name: sessions_end
select
    max(s.trade_date) as trade_date,
    coalesce(bool_or(s.note = %(stand_in)s::text), false) as has_stand_ins,
    coalesce(array_agg(distinct s.calendar), '{}') as calendars
from reference.sessions as s;

-- name: session_overrides
select
    o.calendar, o.trade_date, o.is_closed, o.open_at, o.close_at,
    o.has_regular_hours, o.note
from reference.session_overrides as o
order by o.calendar, o.trade_date;

-- name: upsert_session
insert into reference.sessions as s (
    calendar, trade_date, session_number, open_at, close_at, regular_open_at,
    regular_close_at, is_early_close, note
)
values (
    %(calendar)s::text, %(trade_date)s::date, %(session_number)s::integer,
    %(open_at)s::timestamptz, %(close_at)s::timestamptz,
    %(regular_open_at)s::timestamptz, %(regular_close_at)s::timestamptz,
    %(is_early_close)s::boolean, %(note)s::text
)
on conflict (calendar, trade_date) do update
    set
        session_number = excluded.session_number,
        open_at = excluded.open_at,
        close_at = excluded.close_at,
        regular_open_at = excluded.regular_open_at,
        regular_close_at = excluded.regular_close_at,
        is_early_close = excluded.is_early_close,
        note = excluded.note
    where (
        s.session_number, s.open_at, s.close_at, s.regular_open_at,
        s.regular_close_at, s.is_early_close, s.note
    ) is distinct from (
        excluded.session_number, excluded.open_at, excluded.close_at,
        excluded.regular_open_at, excluded.regular_close_at,
        excluded.is_early_close, excluded.note
    );

-- name: remove_sessions
delete from reference.sessions as s
where
    s.trade_date between %(first)s::date and %(last)s::date
    and not s.calendar || '/' || s.trade_date = any (%(kept)s::text []);

-- name: calendars
select
    c.calendar,
    c.zone,
    c.open,
    c.close,
    c.regular_open,
    c.regular_close,
    c.opens_on_day,
    c.holidays_of
from reference.calendars as c
order by c.calendar;

-- name: add_calendar
insert into reference.calendars as c (
    calendar, zone, open, close, regular_open, regular_close, opens_on_day,
    holidays_of
)
values (
    %(calendar)s::text, %(zone)s::text, %(open)s::time, %(close)s::time,
    %(regular_open)s::time, %(regular_close)s::time,
    %(opens_on_day)s::boolean, %(holidays_of)s::text
)
on conflict (calendar) do update
    set
        zone = excluded.zone,
        open = excluded.open,
        close = excluded.close,
        regular_open = excluded.regular_open,
        regular_close = excluded.regular_close,
        opens_on_day = excluded.opens_on_day,
        holidays_of = excluded.holidays_of;

-- name: session_state
select *
from reference.session_state(
    of_calendar => %(calendar)s::text, as_of => %(as_of)s::timestamptz
);

-- name: session_states
select s.*
from (select distinct i.calendar from reference.instruments as i) as c
cross join lateral reference.session_state(
    of_calendar => c.calendar, as_of => %(as_of)s::timestamptz
) as s
order by s.calendar;

-- name: sessions_span
select
    min(s.open_at) as first_at,
    max(s.close_at) as last_at
from reference.sessions as s
where s.calendar = %(calendar)s::text;
