-- Stage     55 lake
-- The queries of an export: dates and symbols, and cheap keys that show whether
-- exported rows have changed. Ticks are only ever inserted, so a count and a
-- sum of ordinals reveal a late one.

-- name: lake_settings
select
    set_config('TimeZone', 'UTC', false) as zone,
    set_config('DateStyle', 'ISO', false) as dates,
    set_config('IntervalStyle', 'postgres', false) as intervals,
    set_config('extra_float_digits', '1', false) as digits,
    set_config('jit', 'off', false) as jit,
    set_config('statement_timeout', '0', false) as timeout,
    set_config('idle_in_transaction_session_timeout', '0', false) as idle;

-- One export of a database at a time, however it ends.
-- name: lock_export
select pg_try_advisory_lock(7405111) as is_locked;

-- name: unlock_export
select pg_advisory_unlock(7405111);

-- name: share_snapshot
select pg_export_snapshot() as snapshot;

-- A range that waits for its bars is stale: late ticks are not in them yet. So
-- it is with features.
-- name: lake_bounds
select
    e.nature,
    e.edition,
    d.ts_from,
    d.ts_to,
    exists (
        select from market.dropped_ranges as x
        where x.trade_date = d.trade_date
    ) as is_dropped,
    exists (
        select from market.bars_to_refresh as r
        where r.ts_from < d.ts_to and r.ts_to > d.ts_from
    ) as is_stale,
    exists (
        select from store.features_to_refresh as f
        where f.ts_from < d.ts_to and f.ts_to > d.ts_from
    ) as is_refreshing
from ops.edition as e
cross join (
    select
        v.trade_date,
        (v.trade_date - 1 + time '17:00') at time zone 'America/Chicago'
            as ts_from,
        (v.trade_date + time '17:00') at time zone 'America/Chicago' as ts_to
    from (values (%(trade_date)s::date)) as v (trade_date)
) as d;

-- The symbols with ticks on a trade date, and about how many.
-- name: lake_symbols
select
    s.symbol,
    coalesce(b.ticks, 0) as ticks
from reference.series as s
left join market._tick_days as b
    on
        b.symbol = s.symbol
        and b.trade_date = reference.trade_date(%(ts_from)s::timestamptz)
where
    (%(symbols)s::text[] is null or s.symbol = any(%(symbols)s::text[]))
    and exists (
        select from market.ticks as t
        where
            t.symbol = s.symbol
            and t.ts >= %(ts_from)s::timestamptz
            and t.ts < %(ts_to)s::timestamptz
    )
order by s.symbol;

-- The ticks of a trade date by symbol, from their index alone.
-- name: lake_ticks
select
    t.symbol,
    count(*) as records,
    concat_ws(
        ',', count(*), sum(t.seq), extract(epoch from min(t.ts)),
        extract(epoch from max(t.ts))
    ) as key
from market.ticks as t
where
    t.symbol = any(coalesce(
        %(symbols)s::text[], array(select s.symbol from reference.series as s)
    ))
    and t.ts >= %(ts_from)s::timestamptz
    and t.ts < %(ts_to)s::timestamptz
group by t.symbol
order by t.symbol;

-- name: lake_bars
with bars as (
    select '1s' as width, b.*
    from market.bars_1s as b
    where b.bar_start >= %(ts_from)s::timestamptz
        and b.bar_start < %(ts_to)s::timestamptz
    union all
    select '1m', b.*
    from market.bars_1m as b
    where b.bar_start >= %(ts_from)s::timestamptz
        and b.bar_start < %(ts_to)s::timestamptz
    union all
    select '5m', b.*
    from market.bars_5m as b
    where b.bar_start >= %(ts_from)s::timestamptz
        and b.bar_start < %(ts_to)s::timestamptz
    union all
    select '1h', b.*
    from market.bars_1h as b
    where b.bar_start >= %(ts_from)s::timestamptz
        and b.bar_start < %(ts_to)s::timestamptz
    union all
    select '1d', b.*
    from market.bars_1d as b
    where b.bar_start >= %(ts_from)s::timestamptz
        and b.bar_start < %(ts_to)s::timestamptz
        -- A stock's day goes on after 17:00 in Chicago.
        and coalesce(b.bar_end <= %(as_of)s::timestamptz, true)
),

-- Its ticks are those from midnight to midnight in New York.
own_days as (
    select
        '1d' as width,
        b.symbol,
        sum(b.ticks)::bigint as ticks
    from market._bars_1h as b
    where
        b.symbol = any((select reference.own_date_symbols())::text[])
        and b.bar_start >= %(ts_from)s::timestamptz + interval '6 hours'
        and b.bar_start < %(ts_to)s::timestamptz + interval '6 hours'
    group by b.symbol
)

select
    b.width,
    b.symbol,
    count(*) as records,
    max(o.ticks) as day_ticks,
    md5(concat_ws(
        ',', count(*), sum(b.ticks), sum(b.trades), sum(b.volume),
        sum(b.late_ticks), sum(b.open), sum(b.close), max(b.changed_at),
        max(o.ticks)
    )) as key
from bars as b
left join own_days as o on o.symbol = b.symbol and o.width = b.width
where %(symbols)s::text[] is null or b.symbol = any(%(symbols)s::text[])
group by b.width, b.symbol
order by b.symbol, b.width;
