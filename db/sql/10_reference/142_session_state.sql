-- Stage     10 reference
-- Makes     reference.session_state(text, timestamptz)
-- Kind      function
-- Grain     one row; none for a calendar or a moment without sessions
-- Known at  as_of
-- Reads     reference.sessions, reference.session_at(text, timestamptz),
--           reference.trade_date(timestamptz)
-- Nulls     the session's columns where its trade date has none; the minutes
--           while it is closed; next_open_at at the end of the calendar
-- Why       One answer to "is ES open", for people and programs alike.

create function reference.session_state(of_calendar text, as_of timestamptz)
returns table (
    calendar text,
    state text,
    trade_date date,
    session_number integer,
    open_at timestamptz,
    close_at timestamptz,
    regular_open_at timestamptz,
    regular_close_at timestamptz,
    is_early_close boolean,
    minutes_since_open integer,
    minutes_to_close integer,
    next_open_at timestamptz,
    note text
)
language sql stable strict parallel safe rows 1
begin atomic
    with at_hand as (
        select
            coalesce(o.trade_date, reference.trade_date(as_of)) as day,
            o.trade_date is not null as is_open,
            p.trade_date as previous_date,
            p.close_at as previous_close_at,
            p.is_early_close as was_short,
            n.trade_date as next_date,
            n.open_at as next_open_at
        from (select of_calendar as calendar) as c
        left join lateral reference.session_at(c.calendar, as_of) as o on true
        left join lateral (
            select
                s.trade_date,
                s.close_at,
                s.is_early_close
            from reference.sessions as s
            where
                s.calendar = c.calendar
                and s.open_at <= as_of
                and s.close_at <= as_of
            order by s.open_at desc
            limit 1
        ) as p on true
        left join lateral (
            select
                s.trade_date,
                s.open_at
            from reference.sessions as s
            where s.calendar = c.calendar and s.open_at > as_of
            order by s.open_at
            limit 1
        ) as n on true
        where o.trade_date is not null
            or (p.trade_date is not null and n.trade_date is not null)
    )

    select
        of_calendar as calendar,
        case
            when h.is_open then 'OPEN'
            when s.trade_date is null and extract(isodow from h.day) < 6
                then 'HOLIDAY'
            when
                h.next_date = h.previous_date + 1
                and not h.was_short
                and h.next_open_at <= h.previous_close_at + interval '4 hours'
                then 'BREAK'
            else 'CLOSED'
        end as state,
        h.day as trade_date,
        s.session_number as session_number,
        s.open_at as open_at,
        s.close_at as close_at,
        s.regular_open_at as regular_open_at,
        s.regular_close_at as regular_close_at,
        coalesce(s.is_early_close, false) as is_early_close,
        case when h.is_open then
            floor(extract(epoch from as_of - s.open_at) / 60)::integer
        end as minutes_since_open,
        case when h.is_open then
            ceil(extract(epoch from s.close_at - as_of) / 60)::integer
        end as minutes_to_close,
        h.next_open_at as next_open_at,
        s.note as note
    from at_hand as h
    left join reference.sessions as s
        on s.calendar = of_calendar and s.trade_date = h.day;
end;

comment on function reference.session_state(text, timestamptz) is
    'The state of a calendar at a moment: OPEN in a session; BREAK between '
    'two sessions of one week that are at most four hours apart; HOLIDAY on '
    'a weekday without a session; else CLOSED. With the session of the '
    'moment''s trade date, the whole minutes since it opened and to its '
    'close, and when the next one opens.';
