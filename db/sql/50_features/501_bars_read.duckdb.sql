-- Stage     50 features
-- Makes     feat._bars(of_width, of_symbols, ts_from, ts_to, bars_back,
--           time_back)
-- Kind      macro
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     market.bars_1m, market.bars_5m, market.bars_1h
-- Nulls     as in PostgreSQL
-- Why       Over Parquet there is no index to step back along: the bars before
--           a range are counted instead.

create macro feat._bars(
    of_width, of_symbols, ts_from, ts_to, bars_back, time_back
) as table
with bars as (
    select * from market.bars_1m where of_width = '1m'
    union all
    select * from market.bars_5m where of_width = '5m'
    union all
    select * from market.bars_1h where of_width = '1h'
),

traded as (
    select
        *,
        row_number() over (
            partition by symbol, bar_start < ts_from::timestamptz
            order by bar_start desc
        ) as back
    from bars
    where
        bar_start < ts_to::timestamptz
        and close is not null
        and (of_symbols is null or list_contains(of_symbols, symbol))
)

select * exclude (back)
from traded
where
    bar_start >= ts_from::timestamptz
    or back <= bars_back
    or bar_start >= ts_from::timestamptz - time_back::interval;
