-- Room      50 features
-- Makes     feat._season_bars(of_width, of_symbols, ts_from, ts_to)
-- Kind      macro
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     market.bars_1m, market.bars_5m, market.bars_1h
-- Nulls     as in PostgreSQL
-- Why       A pass over columns is cheaper than 31 steps: all bars of the days
--           before a range are read.

create macro feat._season_bars(of_width, of_symbols, ts_from, ts_to) as table
with bars as (
    select symbol, bar_start, close, volume
    from market.bars_1m
    where of_width = '1m'
    union all
    select symbol, bar_start, close, volume
    from market.bars_5m
    where of_width = '5m'
    union all
    select symbol, bar_start, close, volume
    from market.bars_1h
    where of_width = '1h'
)

select
    symbol,
    bar_start,
    close::double as close,
    volume::double as volume
from bars
where
    bar_start >= ts_from::timestamptz - interval '31 days'
    and bar_start < ts_to::timestamptz
    and close is not null
    and (of_symbols is null or list_contains(of_symbols, symbol));
