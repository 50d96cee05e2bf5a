-- Stage     40 bars
-- Makes     market._bars_1s
-- Kind      continuous aggregate
-- Grain     one row a (symbol, second) with a tick
-- Known at  bar_start + 2 s
-- Reads     market.ticks
-- Nulls     open … close, notional without a trade; volumes without sizes
-- Why       The one aggregate over ticks; the wider ones are made of it. Ties
--           in ts are ordered by (seq, source), which first() and last() do not
--           do. Intervals are compared, not instants plus intervals, since only
--           the former is the same in every time zone. A tick at most a second
--           late is late for no width, and is checked no further.

create materialized view market._bars_1s
with (
    timescaledb.continuous,
    timescaledb.materialized_only = false
) as
select
    t.symbol,
    public.time_bucket('1 second', t.ts) as bar_start,
    (array_agg(t.last order by t.ts, t.seq, t.source)
        filter (where t.is_trade))[1] as open,
    max(t.last) filter (where t.is_trade) as high,
    min(t.last) filter (where t.is_trade) as low,
    (array_agg(t.last order by t.ts, t.seq, t.source)
        filter (where t.is_trade))[count(*) filter (where t.is_trade)]
        as close,
    (sum(t.volume_delta) filter (where t.is_trade))::bigint as volume,
    (sum(t.volume_delta) filter (where t.is_trade and t.side = 'B'))::bigint
        as volume_buy,
    (sum(t.volume_delta) filter (where t.is_trade and t.side = 'S'))::bigint
        as volume_sell,
    count(*) filter (where t.is_trade) as trades,
    count(*) as ticks,
    sum(t.last * t.volume_delta) filter (where t.is_trade) as notional,
    (array_agg(t.bid order by t.ts, t.seq, t.source)
        filter (where t.bid is not null))[count(t.bid)] as bid_close,
    (array_agg(t.ask order by t.ts, t.seq, t.source)
        filter (where t.ask is not null))[count(t.ask)] as ask_close,
    sum(t.ask - t.bid) as spread_sum,
    count(t.ask - t.bid) as quotes,
    count(*) filter (
        where t.received_at - t.ts > interval '1 second'
        and t.received_at - public.time_bucket('1 second', t.ts)
        > interval '2 seconds'
    ) as late_1s,
    count(*) filter (
        where t.received_at - t.ts > interval '1 second'
        and t.received_at - public.time_bucket('1 minute', t.ts)
        > interval '61 seconds'
    ) as late_1m,
    count(*) filter (
        where t.received_at - t.ts > interval '1 second'
        and t.received_at - public.time_bucket('5 minutes', t.ts)
        > interval '301 seconds'
    ) as late_5m,
    count(*) filter (
        where t.received_at - t.ts > interval '1 second'
        and t.received_at - public.time_bucket('1 hour', t.ts)
        > interval '3601 seconds'
    ) as late_1h,
    count(*) filter (
        where t.received_at - t.ts > interval '1 second'
        and t.received_at
        - ((t.trade_date + time '17:00') at time zone 'America/Chicago')
        > interval '1 second'
    ) as late_1d,
    bool_or(t.is_sampled) as is_sampled,
    max(t.created_at) as changed_at
from market.ticks as t
group by t.symbol, public.time_bucket('1 second', t.ts)
with no data;

comment on view market._bars_1s is
    'One-second bars as stored: sums, not means. Read bars_1s instead.';
comment on column market._bars_1s.symbol is 'The series.';
comment on column market._bars_1s.bar_start is 'First instant of the bar.';
comment on column market._bars_1s.open is
    'Price of the first trade, in points.';
comment on column market._bars_1s.high is 'Highest trade, in points.';
comment on column market._bars_1s.low is 'Lowest trade, in points.';
comment on column market._bars_1s.close is
    'Price of the last trade, in points.';
comment on column market._bars_1s.volume is
    'Contracts traded; null where no trade has a size.';
comment on column market._bars_1s.volume_buy is
    'Contracts that buyers took; null where no trade has a side.';
comment on column market._bars_1s.volume_sell is
    'Contracts that sellers hit; null where no trade has a side.';
comment on column market._bars_1s.trades is 'Trades.';
comment on column market._bars_1s.ticks is
    'Records of the feed, trades and quotes.';
comment on column market._bars_1s.notional is
    'Sum of price times size of the trades; over volume it is the vwap.';
comment on column market._bars_1s.bid_close is 'Last bid, in points.';
comment on column market._bars_1s.ask_close is 'Last ask, in points.';
comment on column market._bars_1s.spread_sum is
    'Sum of ask - bid over the records that had both, in points.';
comment on column market._bars_1s.quotes is
    'Records that had both bid and ask.';
comment on column market._bars_1s.late_1s is
    'Records received after the bar of a second was known.';
comment on column market._bars_1s.late_1m is
    'Records received after the bar of a minute was known.';
comment on column market._bars_1s.late_5m is
    'Records received after the bar of five minutes was known.';
comment on column market._bars_1s.late_1h is
    'Records received after the bar of an hour was known.';
comment on column market._bars_1s.late_1d is
    'Records received after the bar of the day was known.';
comment on column market._bars_1s.is_sampled is
    'Whether a feed that samples the market is among its sources.';
comment on column market._bars_1s.changed_at is
    'When its newest record was written, by the database''s clock.';
