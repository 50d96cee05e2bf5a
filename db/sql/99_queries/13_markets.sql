-- Stage     10 reference
-- The world's markets and their days.

-- name: markets
select
    m.market, m.display, m.calendar, m.time_zone, m.hours_zone, m.open,
    m.close, m.lunch_start, m.lunch_end, m.hours_since, m.confirmed_until,
    m.weight::float8 as weight, m.is_control, m.is_captured, m.sort_order
from reference.markets as m
order by m.sort_order, m.market;

-- name: market_overrides
select
    o.market, o.day, o.is_closed, o.open, o.close, o.lunch_start, o.lunch_end,
    o.note
from reference.market_overrides as o
order by o.market, o.day;

-- name: market_days_end
select
    m.market,
    max(d.day) as last_day
from reference.markets as m
left join reference.market_days as d on d.market = m.market
group by m.market;

-- name: keep_market_days
with given as (
    select g.*
    from unnest(
        %(day)s::date [], %(open_at)s::timestamptz [],
        %(close_at)s::timestamptz [], %(lunch_start_at)s::timestamptz [],
        %(lunch_end_at)s::timestamptz [], %(is_holiday)s::boolean [],
        %(note)s::text [], %(confidence)s::text []
    ) as g (
        day, open_at, close_at, lunch_start_at, lunch_end_at, is_holiday, note,
        confidence
    )
),

removed as (
    delete from reference.market_days as d
    where
        d.market = %(market)s::text
        and d.day between %(first)s::date and %(last)s::date
        and not exists (select from given as g where g.day = d.day)
)

insert into reference.market_days as d (
    market, day, open_at, close_at, lunch_start_at, lunch_end_at, is_holiday,
    note, confidence
)
select
    %(market)s::text, g.day, g.open_at, g.close_at, g.lunch_start_at,
    g.lunch_end_at, g.is_holiday, g.note, g.confidence
from given as g
on conflict (market, day) do update
    set
        open_at = excluded.open_at,
        close_at = excluded.close_at,
        lunch_start_at = excluded.lunch_start_at,
        lunch_end_at = excluded.lunch_end_at,
        is_holiday = excluded.is_holiday,
        note = excluded.note,
        confidence = excluded.confidence
    where
        (
            d.open_at, d.close_at, d.lunch_start_at, d.lunch_end_at,
            d.is_holiday, d.note, d.confidence
        ) is distinct from (
            excluded.open_at, excluded.close_at, excluded.lunch_start_at,
            excluded.lunch_end_at, excluded.is_holiday, excluded.note,
            excluded.confidence
        )
        -- Days before the hours of today keep those that they had.
        and (
            excluded.day >= coalesce(%(hours_since)s::date, excluded.day)
            or 'override' in (d.confidence, excluded.confidence)
        );

-- name: keep_market
insert into reference.markets as m (
    market, display, calendar, time_zone, hours_zone, open, close, lunch_start,
    lunch_end, hours_since, confirmed_until, weight, is_control, is_captured,
    sort_order, changed_by, reason
)
values (
    %(market)s::text, %(display)s::text, %(calendar)s::text,
    %(time_zone)s::text, %(hours_zone)s::text, %(open)s::time,
    %(close)s::time, %(lunch_start)s::time, %(lunch_end)s::time,
    %(hours_since)s::date, %(confirmed_until)s::date, %(weight)s::numeric,
    %(is_control)s::boolean, %(is_captured)s::boolean,
    %(sort_order)s::integer, %(changed_by)s::text, %(reason)s::text
)
on conflict (market) do update
    set
        display = excluded.display,
        calendar = excluded.calendar,
        time_zone = excluded.time_zone,
        hours_zone = excluded.hours_zone,
        open = excluded.open,
        close = excluded.close,
        lunch_start = excluded.lunch_start,
        lunch_end = excluded.lunch_end,
        hours_since = excluded.hours_since,
        confirmed_until = excluded.confirmed_until,
        weight = excluded.weight,
        is_control = excluded.is_control,
        is_captured = excluded.is_captured,
        sort_order = excluded.sort_order,
        changed_by = excluded.changed_by,
        reason = excluded.reason;

-- name: keep_market_override
insert into reference.market_overrides as o (
    market, day, is_closed, open, close, lunch_start, lunch_end, note,
    changed_by
)
values (
    %(market)s::text, %(day)s::date, %(is_closed)s::boolean, %(open)s::time,
    %(close)s::time, %(lunch_start)s::time, %(lunch_end)s::time,
    %(note)s::text, %(changed_by)s::text
)
on conflict (market, day) do update
    set
        is_closed = excluded.is_closed,
        open = excluded.open,
        close = excluded.close,
        lunch_start = excluded.lunch_start,
        lunch_end = excluded.lunch_end,
        note = excluded.note,
        changed_by = excluded.changed_by;

-- name: remove_market_override
delete from reference.market_overrides as o
where o.market = %(market)s::text and o.day = %(day)s::date
returning o.note;

-- name: unconfirmed_from
select
    d.market,
    min(d.day) as day
from reference.market_days as d
where
    d.confidence = 'unconfirmed'
    and d.day >= %(today)s::date
group by d.market
order by d.market;
