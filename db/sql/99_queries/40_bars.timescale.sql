-- Stage     40 bars
-- Makes bars anew on the timescale edition.

-- A day of seconds a transaction: the default of ten is forty times slower.
-- name: refresh_bars
call public.refresh_continuous_aggregate(
    %(bars)s::regclass, %(ts_from)s::timestamptz, %(ts_to)s::timestamptz,
    force => %(force)s::boolean, options => '{"buckets_per_batch": 86400}'
);

-- The days of ticks that the policies have left for half as long as they reach
-- back: their next run would step over them, and what is older than the newest
-- of a width's stored bars is not read live. While ranges are stale those come
-- first, and take most of this with them.
-- name: unstored_days
with left_out as (
    select
        _timescaledb_functions.to_timestamp(
            _timescaledb_functions.cagg_watermark(c.mat_hypertable_id)
        ) as ts_from,
        clock_timestamp() - w.reach / 2 as ts_to
    from _timescaledb_catalog.continuous_agg as c
    inner join (values
        ('_bars_1s', interval '1 hour'),
        ('_bars_1m', interval '3 hours'),
        ('_bars_5m', interval '12 hours'),
        ('_bars_1h', interval '3 days')
    ) as w (bars, reach)
        on c.user_view_name = w.bars and c.user_view_schema = 'market'
    where not exists (select 1 from market.bars_to_refresh)
),

first_ticks as (
    select
        o.ts_to,
        min(f.ts) as ts_from
    from left_out as o
    cross join reference.series as r
    cross join lateral (
        select t.ts
        from market.ticks as t
        where t.symbol = r.symbol and t.ts >= o.ts_from and t.ts < o.ts_to
        order by t.ts
        limit 1
    ) as f
    where o.ts_from < o.ts_to
    group by o.ts_to
)

select
    greatest(f.ts_from, d.start) as ts_from,
    least(f.ts_to, d.start + interval '1 day') as ts_to
from first_ticks as f
cross join lateral generate_series(
    date_trunc('day', f.ts_from, 'UTC'), f.ts_to, interval '1 day'
) as d (start)
where exists (
    select 1
    from market.ticks as t
    where
        t.symbol = any(array(select r.symbol from reference.series as r))
        and t.ts >= greatest(f.ts_from, d.start)
        and t.ts < least(f.ts_to, d.start + interval '1 day')
)
order by 1, 2;

-- How much of a range has hourly bars that are stored. The others are made of
-- the ticks as they are read, so none of them can be without.
-- name: stored_until
select
    greatest(
        %(ts_from)s::timestamptz,
        least(
            %(ts_to)s::timestamptz,
            _timescaledb_functions.to_timestamp(
                _timescaledb_functions.cagg_watermark(c.mat_hypertable_id)
            )
        )
    ) as ts_to
from _timescaledb_catalog.continuous_agg as c
where c.user_view_schema = 'market' and c.user_view_name = '_bars_1h';
