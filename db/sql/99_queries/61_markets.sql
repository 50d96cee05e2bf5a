-- Stage     45 studies
-- The states of the world's markets and their changes.

-- name: market_states
select *
from studies.market_states(as_of => %(as_of)s::timestamptz);

-- name: market_composite
select *
from studies.market_composite(as_of => %(as_of)s::timestamptz);

-- name: record_market_transitions
with known as (
    select
        m.market,
        (
            select max(t.at)
            from studies.market_transitions as t
            where t.market = m.market
        ) as at
    from reference.markets as m
),

changes as (
    select
        c.*,
        k.at is null as is_first,
        row_number() over (partition by c.market order by c.at desc) as age
    from studies.market_changes(
        from_ts => coalesce(
            (
                select min(coalesce(k.at, %(first_at)s::timestamptz))
                from known as k
            ),
            %(first_at)s::timestamptz
        ),
        to_ts => %(as_of)s::timestamptz
    ) as c
    inner join known as k on k.market = c.market
    where k.at is null or c.at > k.at
)

insert into studies.market_transitions (
    market, at, from_state, to_state, is_recovered
)
select
    c.market,
    c.at,
    c.from_state,
    c.to_state,
    c.at < %(as_of)s::timestamptz - %(in_time)s::interval
from changes as c
-- Of a market that has none yet, the change into its present state.
where not c.is_first or c.age = 1
on conflict (market, at) do nothing
returning market, at, from_state, to_state, is_recovered;

-- name: record_market_corrections
insert into studies.market_transitions (market, at, from_state, to_state)
select
    s.market,
    %(as_of)s::timestamptz,
    t.to_state,
    s.state
from studies.market_states(as_of => %(as_of)s::timestamptz) as s
cross join lateral (
    select n.to_state
    from studies.market_transitions as n
    where n.market = s.market and n.at <= %(as_of)s::timestamptz
    order by n.at desc
    limit 1
) as t
where s.state <> t.to_state
on conflict (market, at) do nothing
returning market, at, from_state, to_state, is_recovered;

-- name: lock_market_transitions
select pg_advisory_xact_lock(
    hashtextextended('studies.market_transitions', 0)
) as is_held;

-- name: next_market_change
select min(s.at) as at
from (
    select c.at
    from studies.market_changes(
        from_ts => %(as_of)s::timestamptz,
        to_ts => %(as_of)s::timestamptz + interval '1 minute'
    ) as c
) as s;

-- name: last_market_transitions
select t.*
from reference.markets as m
cross join lateral (
    select
        n.market, n.at, n.from_state, n.to_state, n.is_recovered
    from studies.market_transitions as n
    where n.market = m.market
    order by n.at desc
    limit 1
) as t
order by m.sort_order, m.market;

-- name: market_history
select
    t.market, t.at, t.from_state, t.to_state, t.is_recovered, t.created_at
from studies.market_transitions as t
where
    t.market = %(market)s::text
    and t.at >= coalesce(%(ts_from)s::timestamptz, '-infinity')
    and t.at < coalesce(%(ts_to)s::timestamptz, 'infinity')
order by t.at desc
limit %(limit)s::integer;

-- name: market_days
select
    d.market, d.day, d.open_at, d.close_at, d.lunch_start_at, d.lunch_end_at,
    d.is_holiday, d.note, d.confidence
from reference.market_days as d
where
    d.market = %(market)s::text
    and d.day between %(first)s::date and %(last)s::date
order by d.day;

-- name: market_days_of_all
select
    d.market, d.day, d.open_at, d.close_at, d.lunch_start_at, d.lunch_end_at,
    d.is_holiday, d.note, d.confidence
from reference.market_days as d
inner join reference.markets as m on m.market = d.market
where d.day between %(first)s::date and %(last)s::date
order by m.sort_order, m.market, d.day;

-- name: market_holidays
select
    d.market, d.day, d.open_at, d.close_at, d.lunch_start_at, d.lunch_end_at,
    d.is_holiday, d.note, d.confidence
from reference.market_days as d
inner join reference.markets as m on m.market = d.market
where
    (
        d.is_holiday
        or d.note is not null
        -- From here on the exchange has published nothing.
        or (
            d.confidence = 'unconfirmed'
            and d.day = (
                select min(e.day)
                from reference.market_days as e
                where e.market = d.market and e.confidence = 'unconfirmed'
            )
        )
    )
    and d.day between
    (%(as_of)s::timestamptz at time zone m.time_zone)::date
    and (%(as_of)s::timestamptz at time zone m.time_zone)::date
    + %(days)s::integer
order by d.day, m.sort_order;
