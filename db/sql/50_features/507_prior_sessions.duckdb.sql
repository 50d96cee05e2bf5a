-- Stage     50 features
-- Makes     feat._prior_sessions(of_symbols, ts_from, ts_to)
-- Kind      macro
-- Grain     one row a (symbol, trade date) whose session before has bars
-- Known at  known_at, where its last bar is known
-- Reads     feat._symbols(of_symbols), feat.lower_bound(ts_from),
--           reference.series, reference.instruments, reference.sessions,
--           market.bars_1m, market.bars_5m, market.bars_1h, market.bars_1d
-- Nulls     never
-- Why       One pass over columns is cheaper than a pass a width: the bars of
--           all widths are read, and the finest of each session are kept.

create macro feat._prior_sessions(of_symbols, ts_from, ts_to) as table
with priors as (
    select
        s.calendar,
        s.trade_date,
        s.session_number - lag(s.session_number) over w as numbers,
        lag(s.trade_date) over w as prior_date,
        lag(s.open_at) over w as open_at,
        lag(s.close_at) over w as close_at
    from reference.sessions as s
    window w as (partition by s.calendar order by s.session_number)
),

wanted as (
    select
        r.symbol,
        p.trade_date,
        p.prior_date,
        p.open_at,
        p.close_at
    from reference.series as r
    inner join reference.instruments as i on i.symbol = r.root
    inner join priors as p on p.calendar = i.calendar
    where
        p.numbers <= 11
        and (
            of_symbols is null
            or list_contains(feat._symbols(of_symbols), r.symbol)
        )
),

bars as not materialized (
    select 1 as rank, symbol, bar_start, bar_end, known_at, trade_date, high,
        low, close
    from market.bars_1m
    union all
    select 2, symbol, bar_start, bar_end, known_at, trade_date, high, low, close
    from market.bars_5m
    union all
    select 3, symbol, bar_start, bar_end, known_at, trade_date, high, low, close
    from market.bars_1h
    union all
    select 4, symbol, bar_start, bar_end, known_at, trade_date, high, low, close
    from market.bars_1d
),

found as (
    select
        w.symbol,
        w.trade_date,
        b.rank,
        max(b.known_at) as known_at,
        max(b.high)::double as high,
        min(b.low)::double as low,
        arg_max(b.close, b.bar_start)::double as close
    from bars as b
    inner join wanted as w
        on w.symbol = b.symbol and w.prior_date = b.trade_date
    where
        b.close is not null
        and b.bar_start >= feat.lower_bound(ts_from) - interval '20 days'
        and b.bar_start < coalesce(ts_to::timestamptz, timestamptz 'infinity')
        and (
            of_symbols is null
            or list_contains(feat._symbols(of_symbols), b.symbol)
        )
        and (
            b.rank = 4 or (b.bar_start < w.close_at and b.bar_end > w.open_at)
        )
    group by w.symbol, w.trade_date, b.rank
)

select f.* exclude (rank)
from found as f
qualify row_number() over (
    partition by f.symbol, f.trade_date order by f.rank
) = 1;
