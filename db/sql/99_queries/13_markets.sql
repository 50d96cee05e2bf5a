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
