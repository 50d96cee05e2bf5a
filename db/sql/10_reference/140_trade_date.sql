-- Stage     10 reference
-- Makes     reference.trade_date(timestamptz),
--           reference.session_at(text, timestamptz)
-- Kind      function
-- Grain     one value an instant; one row a calendar and instant, or none
-- Known at  –
-- Reads     reference.sessions
-- Nulls     no row where the market is closed
-- Why       The day turns at 17:00 in Chicago, in summer and in winter.

create function reference.trade_date(ts timestamptz) returns date
language sql immutable strict parallel safe
return ((ts at time zone 'America/Chicago') + interval '7 hours')::date;

comment on function reference.trade_date(timestamptz) is
    'The exchange''s day of an instant: it turns at 17:00 America/Chicago.';

create function reference.session_at(of_calendar text, at timestamptz)
returns setof reference.sessions
language sql stable strict parallel safe
begin atomic
    select
        s.calendar,
        s.trade_date,
        s.session_number,
        s.open_at,
        s.close_at,
        s.regular_open_at,
        s.regular_close_at,
        s.is_early_close,
        s.note,
        s.version,
        s.changed_at
    from reference.sessions as s
    where
        s.calendar = of_calendar
        and s.open_at <= at
        and s.close_at > at
    order by s.open_at desc
    limit 1;
end;

comment on function reference.session_at(text, timestamptz) is
    'The session a calendar is in at an instant; no row where it is closed.';
