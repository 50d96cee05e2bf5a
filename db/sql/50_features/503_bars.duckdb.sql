-- Room      50 features
-- Makes     feat.bars(of_width, of_symbols, ts_from, ts_to, bars_back,
--           time_back)
-- Kind      macro
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     market.bars_1m, market.bars_5m, market.bars_1h
-- Nulls     as in PostgreSQL
-- Why       Over Parquet there is no index to step back along: the bars before
--           a range are counted instead.

create macro feat.bars(
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
),

reached as (
    select * from traded
    where
        bar_start >= ts_from::timestamptz
        or back <= bars_back
        or bar_start >= ts_from::timestamptz - time_back::interval
)

select
    symbol,
    bar_start,
    bar_end,
    known_at,
    trade_date,
    open::float8 as open,
    high::float8 as high,
    low::float8 as low,
    close::float8 as close,
    volume::float8 as volume,
    volume_buy::float8 as volume_buy,
    volume_sell::float8 as volume_sell,
    trades::float8 as trades,
    bid_close::float8 as bid_close,
    ask_close::float8 as ask_close,
    spread_mean::float8 as spread_mean,
    row_number() over (partition by symbol order by bar_start) as number,
    row_number() over (partition by symbol order by bar_start)
    - count(*) filter (where bar_start < ts_from::timestamptz)
        over (partition by symbol)
    - 1 as place
from reached;
