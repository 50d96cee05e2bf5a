-- Stage     50 features
-- Makes     feat._seconds(of_width, of_symbols, ts_from, ts_to),
--           feat._last_quotes(of_width, of_symbols, ts_from, ts_to)
-- Kind      macro
-- Grain     one row a second with a trade; one row a bar with a quote's sizes
-- Known at  the bar's known_at
-- Reads     market.bars_1s, market.ticks
-- Nulls     never
-- Why       Parquet has no index to step into: one pass over the ticks of the
--           range finds the last record of each bar.

create macro feat._seconds(of_width, of_symbols, ts_from, ts_to) as table
with lengths as (
    select case of_width when '1m' then 60 when '5m' then 300 else 3600 end
        as length_s
)

select s.symbol, s.bar_start, s.close::double as close
from market.bars_1s as s
cross join lengths as n
where
    s.bar_start >= ts_from::timestamptz
    and s.bar_start < least(ts_to::timestamptz, timestamptz '2200-01-01 00:00Z')
    + to_seconds(n.length_s)
    and s.close is not null
    and (of_symbols is null or list_contains(of_symbols, s.symbol))
    and epoch(s.bar_start)::bigint % n.length_s >= n.length_s - 60;

create macro feat._last_quotes(of_width, of_symbols, ts_from, ts_to) as table
with lengths as (
    select
        case of_width
            when '1m' then interval '1 minute'
            when '5m' then interval '5 minutes'
            else interval '1 hour'
        end as length
),

lasts as (
    select
        t.symbol,
        time_bucket(n.length, t.ts) as bar_start,
        arg_max(
            {'bid': t.bid_size, 'ask': t.ask_size}, (t.ts, t.seq, t.source)
        ) as sizes
    from market.ticks as t
    cross join lengths as n
    where
        t.ts >= ts_from::timestamptz
        and t.ts < least(ts_to::timestamptz, timestamptz '2200-01-01 00:00Z')
        + n.length
        and t.bid_size is not null
        and t.ask_size is not null
        and (of_symbols is null or list_contains(of_symbols, t.symbol))
    group by t.symbol, time_bucket(n.length, t.ts)
)

select
    q.symbol,
    q.bar_start,
    q.sizes.bid::double as bid_size,
    q.sizes.ask::double as ask_size
from lasts as q;
