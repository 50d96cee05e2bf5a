-- Stage     40 bars
-- Makes     market._bars_1h
-- Kind      continuous aggregate
-- Grain     one row a (symbol, hour) with a tick
-- Known at  bar_start + 1 hour + 1 s
-- Reads     market._bars_5m
-- Nulls     as market._bars_5m
-- Why       Made of the bars below it, so that a tick is read once. Below
--           there is one bar a symbol and start: no ties.

create materialized view market._bars_1h
with (
    timescaledb.continuous,
    timescaledb.materialized_only = false
) as
select
    b.symbol,
    public.time_bucket('1 hour', b.bar_start) as bar_start,
    (array_agg(b.open order by b.bar_start)
        filter (where b.open is not null))[1] as open,
    max(b.high) as high,
    min(b.low) as low,
    (array_agg(b.close order by b.bar_start)
        filter (where b.close is not null))[count(b.close)] as close,
    sum(b.volume)::bigint as volume,
    sum(b.volume_buy)::bigint as volume_buy,
    sum(b.volume_sell)::bigint as volume_sell,
    sum(b.trades)::bigint as trades,
    sum(b.ticks)::bigint as ticks,
    sum(b.notional) as notional,
    (array_agg(b.bid_close order by b.bar_start)
        filter (where b.bid_close is not null))[count(b.bid_close)]
        as bid_close,
    (array_agg(b.ask_close order by b.bar_start)
        filter (where b.ask_close is not null))[count(b.ask_close)]
        as ask_close,
    sum(b.spread_sum) as spread_sum,
    sum(b.quotes)::bigint as quotes,
    sum(b.late_1h)::bigint as late_1h,
    sum(b.late_1d)::bigint as late_1d,
    bool_or(b.is_sampled) as is_sampled,
    max(b.changed_at) as changed_at
from market._bars_5m as b
group by b.symbol, public.time_bucket('1 hour', b.bar_start)
with no data;

comment on view market._bars_1h is
    'Bars of one hour as stored. Read bars_1h instead.';
comment on column market._bars_1h.symbol is 'The series.';
comment on column market._bars_1h.bar_start is 'First instant of the bar.';
comment on column market._bars_1h.open is
    'Price of the first trade, in points.';
comment on column market._bars_1h.high is 'Highest trade, in points.';
comment on column market._bars_1h.low is 'Lowest trade, in points.';
comment on column market._bars_1h.close is
    'Price of the last trade, in points.';
comment on column market._bars_1h.volume is
    'Contracts traded; null where no trade has a size.';
comment on column market._bars_1h.volume_buy is
    'Contracts that buyers took; null where no trade has a side.';
comment on column market._bars_1h.volume_sell is
    'Contracts that sellers hit; null where no trade has a side.';
comment on column market._bars_1h.trades is 'Trades.';
comment on column market._bars_1h.ticks is
    'Records of the feed, trades and quotes.';
comment on column market._bars_1h.notional is
    'Sum of price times size of the trades; over volume it is the vwap.';
comment on column market._bars_1h.bid_close is 'Last bid, in points.';
comment on column market._bars_1h.ask_close is 'Last ask, in points.';
comment on column market._bars_1h.spread_sum is
    'Sum of ask - bid over the records that had both, in points.';
comment on column market._bars_1h.quotes is
    'Records that had both bid and ask.';
comment on column market._bars_1h.late_1h is
    'Records received after the bar of an hour was known.';
comment on column market._bars_1h.late_1d is
    'Records received after the bar of the day was known.';
comment on column market._bars_1h.is_sampled is
    'Whether a feed that samples the market is among its sources.';
comment on column market._bars_1h.changed_at is
    'When its newest record was written, by the database''s clock.';
