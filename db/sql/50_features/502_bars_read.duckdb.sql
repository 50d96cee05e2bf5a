-- Stage     50 features
-- Makes     feat._bars(of_width, of_symbols, ts_from, ts_to, bars_back,
--           time_back)
-- Kind      macro
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     market.bars_1m, market.bars_5m, market.bars_1h,
--           feat._is_width(of_width, width),
--           feat._upper_bound(ts_from, ts_to),
--           feat._is_listed(of_symbols),
--           feat._symbols(of_symbols),
--           feat.trade_dates_between(earlier, later)
-- Nulls     as in PostgreSQL
-- Why       Parquet has no index to step back along, so the bars before a range
--           are counted. Holes are found between trade dates, of which there
--           are few. A part that is not materialised is read again, but only
--           the columns that a query uses.

create macro feat._bars(
    of_width, of_symbols, ts_from, ts_to, bars_back, time_back
) as table
with bars as not materialized (
    select * from market.bars_1m where feat._is_width(of_width, '1m')
    union all
    select * from market.bars_5m where feat._is_width(of_width, '5m')
    union all
    select * from market.bars_1h where feat._is_width(of_width, '1h')
),

traded as not materialized (
    select b.*
    from bars as b
    where
        b.close is not null
        and b.bar_start < feat._upper_bound(ts_from, ts_to)
        and feat._is_listed(of_symbols)
        and (
            of_symbols is null
            or list_contains(feat._symbols(of_symbols), b.symbol)
        )
),

days as (
    select
        d.symbol,
        d.trade_date,
        feat.trade_dates_between(lag(d.trade_date) over w, d.trade_date) > 10
            as is_after_hole
    from (select distinct t.symbol, t.trade_date from traded as t) as d
    window w as (partition by d.symbol order by d.trade_date)
),

runs as (
    select
        d.symbol,
        d.trade_date,
        count(*) filter (where d.is_after_hole) over (
            partition by d.symbol order by d.trade_date
        ) as run
    from days as d
),

counted as (
    select
        t.*,
        r.run,
        row_number() over (
            partition by t.symbol, t.bar_start < feat.lower_bound(ts_from)
            order by t.bar_start desc
        ) as back
    from traded as t
    inner join runs as r
        on r.symbol = t.symbol and r.trade_date = t.trade_date
)

select c.* exclude (back)
from counted as c
where
    c.bar_start >= feat.lower_bound(ts_from)
    or c.back <= bars_back
    or c.bar_start >= feat.lower_bound(ts_from) - time_back::interval;
