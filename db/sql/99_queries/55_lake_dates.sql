-- Stage     55 lake
-- The trade dates; the stored features of one, and the rows that models were
-- shown of it.

-- name: lake_dates
select d.trade_date
from market.bars_1d as d
where d.trade_date between %(first)s::date and %(last)s::date
union
select d.trade_date
from market._tick_days as d
where d.trade_date between %(first)s::date and %(last)s::date
union
select ((i.bar_start at time zone 'America/Chicago') + interval '7 hours')::date
from market.bars_imported as i
where
    i.bar_start
    >= (%(first)s::date - 1 + time '17:00') at time zone 'America/Chicago'
    and i.bar_start
    < (%(last)s::date + time '17:00') at time zone 'America/Chicago'
order by 1;

-- The counts of an export of every date: a bar is never behind its ticks.
-- name: lake_counts
select
    d.trade_date,
    d.symbol,
    d.ticks,
    (d.trade_date + time '17:00') at time zone 'America/Chicago' as bar_end,
    d.day_end,
    o.ticks as day_ticks
from market._tick_days as d
-- Those of a stock's evening are filed under the next date.
left join (
    select
        b.symbol,
        (b.bar_start at time zone 'America/New_York')::date as own_date,
        sum(b.ticks)::bigint as ticks
    from market._bars_1h as b
    where b.symbol = any((select reference.own_date_symbols())::text[])
    group by b.symbol, own_date
) as o
    on
        o.symbol = d.symbol
        and o.own_date = d.trade_date
        and d.day_end is not null
where
    not exists (
        select from market.dropped_ranges as x
        where x.trade_date = d.trade_date
    )
order by d.trade_date, d.symbol;

-- The stored features of a date. The ticks of their bars and their newest
-- change show whether the exported files are current.
-- name: lake_features
with rows as (
    select '1m' as width, f.symbol, f.bar_ticks, f.changed_at
    from store.features_1m as f
    where f.bar_start >= %(ts_from)s::timestamptz
        and f.bar_start < %(ts_to)s::timestamptz
    union all
    select '5m', f.symbol, f.bar_ticks, f.changed_at
    from store.features_5m as f
    where f.bar_start >= %(ts_from)s::timestamptz
        and f.bar_start < %(ts_to)s::timestamptz
    union all
    select '1h', f.symbol, f.bar_ticks, f.changed_at
    from store.features_1h as f
    where f.bar_start >= %(ts_from)s::timestamptz
        and f.bar_start < %(ts_to)s::timestamptz
)

select
    r.width,
    r.symbol,
    count(*) as records,
    md5(concat_ws(
        ',', count(*), sum(r.bar_ticks), max(r.changed_at), (
            select string_agg(t.sha256, ',' order by t.family)
            from store.feature_texts as t
        )
    )) as key
from rows as r
where %(symbols)s::text[] is null or r.symbol = any(%(symbols)s::text[])
group by r.width, r.symbol
order by r.symbol, r.width;

-- What models were shown of a date. Rows are only ever inserted. Each set's are
-- found by their key, which begins with it.
-- name: lake_feature_rows
select
    n.symbol,
    sum(r.records)::bigint as records,
    md5(concat_ws(',', sum(r.records), max(r.written_at))) as key
from reference.series as n
cross join store.feature_sets as s
cross join lateral (
    select
        count(*) as records,
        max(f.written_at) as written_at
    from store.feature_rows as f
    where
        f.set_hash = s.hash
        and f.symbol = n.symbol
        and f.bar_start >= %(ts_from)s::timestamptz
        and f.bar_start < %(ts_to)s::timestamptz
) as r
where %(symbols)s::text[] is null or n.symbol = any(%(symbols)s::text[])
group by n.symbol
having sum(r.records) > 0
order by n.symbol;

-- How many rows models were shown of each date.
-- name: lake_feature_row_counts
select
    reference.trade_date(f.bar_start) as trade_date,
    count(*) as records
from store.feature_rows as f
group by 1
order by 1;
