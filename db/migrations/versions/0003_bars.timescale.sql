-- Room      00 house
-- Makes     extension timescaledb
-- Kind      extension
-- Grain     –
-- Known at  –
-- Reads     –
-- Nulls     –
-- Why       In public, which every search_path of Thor's ends with: elsewhere
--           time_bucket would not be found.

create extension if not exists timescaledb schema public;

-- Room      30 ticks
-- Makes     hypertable market.ticks, columnstore policy of market.ticks
-- Kind      hypertable and policy
-- Grain     one chunk a UTC day
-- Known at  –
-- Reads     market.ticks
-- Nulls     –
-- Why       Chunks of a day keep the index that is written to small, and what
--           is older than the late window goes to columns, where it takes a
--           tenth. No retention policy: it would drop what was just replayed.

select public.create_hypertable(
    'market.ticks', public.by_range('ts', interval '1 day'),
    create_default_indexes => false, migrate_data => true
);

alter table market.ticks set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'ts, seq, source'
);

call public.add_columnstore_policy(
    'market.ticks', after => interval '2 days',
    schedule_interval => interval '1 hour'
);

-- Room      40 bars
-- Makes     market._bars_1s
-- Kind      continuous aggregate
-- Grain     one row a (symbol, second) with a tick
-- Known at  bar_start + 2 s
-- Reads     market.ticks
-- Nulls     open … close, notional without a trade; volumes nobody told
-- Why       The one aggregate over ticks; the wider ones are made of it. Ties
--           in ts are ordered by (seq, source), which first() and last() do
--           not do. Intervals are compared, not instants plus intervals,
--           since only the former is the same in every time zone. What is no
--           later than a second is late for no width, and asked no further.

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
    'Contracts traded; null where no trade told its size.';
comment on column market._bars_1s.volume_buy is
    'Contracts that buyers took; null where none is told.';
comment on column market._bars_1s.volume_sell is
    'Contracts that sellers hit; null where none is told.';
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

-- Room      40 bars
-- Makes     market._bars_1m
-- Kind      continuous aggregate
-- Grain     one row a (symbol, minute) with a tick
-- Known at  bar_start + 1 minute + 1 s
-- Reads     market._bars_1s
-- Nulls     as market._bars_1s
-- Why       Made of the bars below it, so that a tick is read once. Below
--           there is one bar a symbol and start: no ties.

create materialized view market._bars_1m
with (
    timescaledb.continuous,
    timescaledb.materialized_only = false
) as
select
    b.symbol,
    public.time_bucket('1 minute', b.bar_start) as bar_start,
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
    sum(b.late_1m)::bigint as late_1m,
    sum(b.late_5m)::bigint as late_5m,
    sum(b.late_1h)::bigint as late_1h,
    sum(b.late_1d)::bigint as late_1d,
    bool_or(b.is_sampled) as is_sampled,
    max(b.changed_at) as changed_at
from market._bars_1s as b
group by b.symbol, public.time_bucket('1 minute', b.bar_start)
with no data;

comment on view market._bars_1m is
    'Bars of one minute as stored. Read bars_1m instead.';
comment on column market._bars_1m.symbol is 'The series.';
comment on column market._bars_1m.bar_start is 'First instant of the bar.';
comment on column market._bars_1m.open is
    'Price of the first trade, in points.';
comment on column market._bars_1m.high is 'Highest trade, in points.';
comment on column market._bars_1m.low is 'Lowest trade, in points.';
comment on column market._bars_1m.close is
    'Price of the last trade, in points.';
comment on column market._bars_1m.volume is
    'Contracts traded; null where no trade told its size.';
comment on column market._bars_1m.volume_buy is
    'Contracts that buyers took; null where none is told.';
comment on column market._bars_1m.volume_sell is
    'Contracts that sellers hit; null where none is told.';
comment on column market._bars_1m.trades is 'Trades.';
comment on column market._bars_1m.ticks is
    'Records of the feed, trades and quotes.';
comment on column market._bars_1m.notional is
    'Sum of price times size of the trades; over volume it is the vwap.';
comment on column market._bars_1m.bid_close is 'Last bid, in points.';
comment on column market._bars_1m.ask_close is 'Last ask, in points.';
comment on column market._bars_1m.spread_sum is
    'Sum of ask - bid over the records that had both, in points.';
comment on column market._bars_1m.quotes is
    'Records that had both bid and ask.';
comment on column market._bars_1m.late_1m is
    'Records received after the bar of a minute was known.';
comment on column market._bars_1m.late_5m is
    'Records received after the bar of five minutes was known.';
comment on column market._bars_1m.late_1h is
    'Records received after the bar of an hour was known.';
comment on column market._bars_1m.late_1d is
    'Records received after the bar of the day was known.';
comment on column market._bars_1m.is_sampled is
    'Whether a feed that samples the market is among its sources.';
comment on column market._bars_1m.changed_at is
    'When its newest record was written, by the database''s clock.';

-- Room      40 bars
-- Makes     market._bars_5m
-- Kind      continuous aggregate
-- Grain     one row a (symbol, five minutes) with a tick
-- Known at  bar_start + 5 minutes + 1 s
-- Reads     market._bars_1m
-- Nulls     as market._bars_1m
-- Why       Made of the bars below it, so that a tick is read once. Below
--           there is one bar a symbol and start: no ties.

create materialized view market._bars_5m
with (
    timescaledb.continuous,
    timescaledb.materialized_only = false
) as
select
    b.symbol,
    public.time_bucket('5 minutes', b.bar_start) as bar_start,
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
    sum(b.late_5m)::bigint as late_5m,
    sum(b.late_1h)::bigint as late_1h,
    sum(b.late_1d)::bigint as late_1d,
    bool_or(b.is_sampled) as is_sampled,
    max(b.changed_at) as changed_at
from market._bars_1m as b
group by b.symbol, public.time_bucket('5 minutes', b.bar_start)
with no data;

comment on view market._bars_5m is
    'Bars of one five minutes as stored. Read bars_5m instead.';
comment on column market._bars_5m.symbol is 'The series.';
comment on column market._bars_5m.bar_start is 'First instant of the bar.';
comment on column market._bars_5m.open is
    'Price of the first trade, in points.';
comment on column market._bars_5m.high is 'Highest trade, in points.';
comment on column market._bars_5m.low is 'Lowest trade, in points.';
comment on column market._bars_5m.close is
    'Price of the last trade, in points.';
comment on column market._bars_5m.volume is
    'Contracts traded; null where no trade told its size.';
comment on column market._bars_5m.volume_buy is
    'Contracts that buyers took; null where none is told.';
comment on column market._bars_5m.volume_sell is
    'Contracts that sellers hit; null where none is told.';
comment on column market._bars_5m.trades is 'Trades.';
comment on column market._bars_5m.ticks is
    'Records of the feed, trades and quotes.';
comment on column market._bars_5m.notional is
    'Sum of price times size of the trades; over volume it is the vwap.';
comment on column market._bars_5m.bid_close is 'Last bid, in points.';
comment on column market._bars_5m.ask_close is 'Last ask, in points.';
comment on column market._bars_5m.spread_sum is
    'Sum of ask - bid over the records that had both, in points.';
comment on column market._bars_5m.quotes is
    'Records that had both bid and ask.';
comment on column market._bars_5m.late_5m is
    'Records received after the bar of five minutes was known.';
comment on column market._bars_5m.late_1h is
    'Records received after the bar of an hour was known.';
comment on column market._bars_5m.late_1d is
    'Records received after the bar of the day was known.';
comment on column market._bars_5m.is_sampled is
    'Whether a feed that samples the market is among its sources.';
comment on column market._bars_5m.changed_at is
    'When its newest record was written, by the database''s clock.';

-- Room      40 bars
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
    'Contracts traded; null where no trade told its size.';
comment on column market._bars_1h.volume_buy is
    'Contracts that buyers took; null where none is told.';
comment on column market._bars_1h.volume_sell is
    'Contracts that sellers hit; null where none is told.';
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

-- Room      40 bars
-- Makes     refresh policy of market._bars_1s,
--           refresh policy of market._bars_1m,
--           refresh policy of market._bars_5m,
--           refresh policy of market._bars_1h,
--           columnstore policy of market._bars_1s,
--           columnstore policy of market._bars_1m,
--           columnstore policy of market._bars_5m,
--           columnstore policy of market._bars_1h
-- Kind      policy
-- Grain     one refresh and one columnstore policy a width
-- Known at  –
-- Reads     market._bars_1s, market._bars_1m, market._bars_5m, market._bars_1h
-- Nulls     –
-- Why       Each width is refreshed after the one below it. What is newer than
--           end_offset is read from the ticks themselves, so the 1s tail stays
--           short; older than 5 s, a tick's range is also written to
--           market.bars_to_refresh, which leaves the in-flight ones 5 s. The
--           default batch of ten buckets would be ten seconds a transaction.

select public.add_continuous_aggregate_policy(
    'market._bars_1s', start_offset => interval '1 hour',
    end_offset => interval '10 seconds',
    schedule_interval => interval '5 seconds', buckets_per_batch => 3600
);
select public.add_continuous_aggregate_policy(
    'market._bars_1m', start_offset => interval '3 hours',
    end_offset => interval '1 minute',
    schedule_interval => interval '30 seconds', buckets_per_batch => 1440
);
select public.add_continuous_aggregate_policy(
    'market._bars_5m', start_offset => interval '12 hours',
    end_offset => interval '5 minutes',
    schedule_interval => interval '1 minute', buckets_per_batch => 2016
);
select public.add_continuous_aggregate_policy(
    'market._bars_1h', start_offset => interval '3 days',
    end_offset => interval '1 hour',
    schedule_interval => interval '5 minutes', buckets_per_batch => 720
);

alter materialized view market._bars_1s set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter materialized view market._bars_1m set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter materialized view market._bars_5m set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter materialized view market._bars_1h set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);

call public.add_columnstore_policy(
    'market._bars_1s', after => interval '7 days',
    schedule_interval => interval '1 hour'
);
call public.add_columnstore_policy(
    'market._bars_1m', after => interval '30 days',
    schedule_interval => interval '1 hour'
);
call public.add_columnstore_policy(
    'market._bars_5m', after => interval '90 days',
    schedule_interval => interval '1 hour'
);
call public.add_columnstore_policy(
    'market._bars_1h', after => interval '365 days',
    schedule_interval => interval '1 hour'
);

-- Where somebody reads a chunk that is being converted, neither its emptied
-- rows nor its index are worth a lock that all others would queue behind.
select public.alter_job(j.job_id, config => j.config || '{"reindex": false}')
from timescaledb_information.jobs as j
where j.proc_name = 'policy_compression';

do $$ begin
    execute format(
        'alter database %I set timescaledb.compress_truncate_behaviour = %L',
        current_database(), 'truncate_or_delete'
    );
end $$;
