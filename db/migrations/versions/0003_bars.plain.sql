-- Room      40 bars
-- Makes     type market.tick_key, market._bars, market._bars_1s,
--           market._bars_1m, market._bars_5m, market._bars_1h
-- Kind      type and table
-- Grain     one row a (symbol, bar_start, width) with a tick
-- Known at  bar_start + width + 1 s
-- Reads     –
-- Nulls     open … close, notional without a trade; volumes nobody told; keys
--           where there is nothing they are the key of
-- Why       Sums and ends that merge in any order: a tick that comes late or
--           out of order costs what any other costs, and ticks are read once.

create type market.tick_key as (ts timestamptz, seq bigint, source text);

create table market._bars (
    symbol text not null,
    bar_start timestamptz not null,
    width text not null,
    open numeric,
    high numeric,
    low numeric,
    close numeric,
    volume bigint,
    volume_buy bigint,
    volume_sell bigint,
    trades bigint not null,
    ticks bigint not null,
    notional numeric,
    bid_close numeric,
    ask_close numeric,
    spread_sum numeric,
    quotes bigint not null,
    late_1s bigint not null,
    late_1m bigint not null,
    late_5m bigint not null,
    late_1h bigint not null,
    late_1d bigint not null,
    is_sampled boolean not null,
    changed_at timestamptz not null,
    open_key market.tick_key,
    close_key market.tick_key,
    bid_key market.tick_key,
    ask_key market.tick_key,
    primary key (symbol, bar_start, width)
) partition by list (width);

-- Room on every page, so that a bar that grows stays where it is.
create table market._bars_1s partition of market._bars
for values in ('1s') with (fillfactor = 70);
create table market._bars_1m partition of market._bars
for values in ('1m') with (fillfactor = 70);
create table market._bars_5m partition of market._bars
for values in ('5m') with (fillfactor = 70);
create table market._bars_1h partition of market._bars
for values in ('1h') with (fillfactor = 70);

create index _bars_1m_bar_start on market._bars_1m (bar_start);
create index _bars_5m_bar_start on market._bars_5m (bar_start);
create index _bars_1h_bar_start on market._bars_1h (bar_start);

comment on type market.tick_key is
    'What orders ticks: market time, number, source.';
comment on table market._bars is
    'Bars of every width as stored: sums, not means. Read bars_1s … bars_1d.';
comment on table market._bars_1s is
    'One-second bars as stored. Read bars_1s instead.';
comment on table market._bars_1m is
    'One-minute bars as stored. Read bars_1m instead.';
comment on table market._bars_5m is
    'Five-minute bars as stored. Read bars_5m instead.';
comment on table market._bars_1h is
    'One-hour bars as stored. Read bars_1h instead.';
comment on column market._bars.symbol is 'The series.';
comment on column market._bars.bar_start is 'First instant of the bar.';
comment on column market._bars.width is '1s, 1m, 5m or 1h.';
comment on column market._bars.open is 'Price of the first trade, in points.';
comment on column market._bars.high is 'Highest trade, in points.';
comment on column market._bars.low is 'Lowest trade, in points.';
comment on column market._bars.close is 'Price of the last trade, in points.';
comment on column market._bars.volume is
    'Contracts traded; null where no trade told its size.';
comment on column market._bars.volume_buy is
    'Contracts that buyers took; null where none is told.';
comment on column market._bars.volume_sell is
    'Contracts that sellers hit; null where none is told.';
comment on column market._bars.trades is 'Trades.';
comment on column market._bars.ticks is
    'Records of the feed, trades and quotes.';
comment on column market._bars.notional is
    'Sum of price times size of the trades; over volume it is the vwap.';
comment on column market._bars.bid_close is 'Last bid, in points.';
comment on column market._bars.ask_close is 'Last ask, in points.';
comment on column market._bars.spread_sum is
    'Sum of ask - bid over the records that had both, in points.';
comment on column market._bars.quotes is 'Records that had both bid and ask.';
comment on column market._bars.late_1s is
    'Records received after the bar of a second was known.';
comment on column market._bars.late_1m is
    'Records received after the bar of a minute was known.';
comment on column market._bars.late_5m is
    'Records received after the bar of five minutes was known.';
comment on column market._bars.late_1h is
    'Records received after the bar of an hour was known.';
comment on column market._bars.late_1d is
    'Records received after the bar of the day was known.';
comment on column market._bars.is_sampled is
    'Whether a feed that samples the market is among its sources.';
comment on column market._bars.changed_at is
    'When its newest record was written, by the database''s clock.';
comment on column market._bars.open_key is
    'The trade that made open; null where there is none.';
comment on column market._bars.close_key is
    'The trade that made close; null where there is none.';
comment on column market._bars.bid_key is
    'The record that made bid_close; null where there is none.';
comment on column market._bars.ask_key is
    'The record that made ask_close; null where there is none.';

-- Room      40 bars
-- Makes     market.keep_bars(), trigger keep_bars on market.ticks
-- Kind      trigger function and trigger
-- Grain     one call a statement that inserts ticks
-- Known at  –
-- Reads     market.ticks, market._bars, type market.tick_key
-- Nulls     –
-- Why       Bars are never behind ticks: the statement that inserts ticks makes
--           their own bars, by the second, and market.merge_bars adds those to
--           what stands; that one is logic, made later. What is no later than
--           a second is late for no width: most ticks are asked no further.

create function market.keep_bars() returns trigger
language plpgsql as $$
declare
    parts market._bars[];
begin
    select array_agg(row(p.*)::market._bars) into parts
    from (
        select
            t.symbol,
            date_bin('1 second', t.ts, timestamptz 'epoch') as bar_start,
            '1s' as width,
            (array_agg(t.last order by t.ts, t.seq, t.source)
                filter (where t.is_trade))[1] as open,
            max(t.last) filter (where t.is_trade) as high,
            min(t.last) filter (where t.is_trade) as low,
            (array_agg(t.last order by t.ts, t.seq, t.source)
                filter (where t.is_trade))
                [count(*) filter (where t.is_trade)] as close,
            sum(t.volume_delta) filter (where t.is_trade),
            sum(t.volume_delta) filter (where t.is_trade and t.side = 'B'),
            sum(t.volume_delta) filter (where t.is_trade and t.side = 'S'),
            count(*) filter (where t.is_trade) as trades,
            count(*) as ticks,
            sum(t.last * t.volume_delta) filter (where t.is_trade),
            (array_agg(t.bid order by t.ts, t.seq, t.source)
                filter (where t.bid is not null))[count(t.bid)],
            (array_agg(t.ask order by t.ts, t.seq, t.source)
                filter (where t.ask is not null))[count(t.ask)],
            sum(t.ask - t.bid),
            count(t.ask - t.bid),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - date_bin('1 second', t.ts, timestamptz 'epoch')
                > interval '2 seconds'
            ),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - date_bin('1 minute', t.ts, timestamptz 'epoch')
                > interval '61 seconds'
            ),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - date_bin('5 minutes', t.ts, timestamptz 'epoch')
                > interval '301 seconds'
            ),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - date_bin('1 hour', t.ts, timestamptz 'epoch')
                > interval '3601 seconds'
            ),
            count(*) filter (
                where t.received_at - t.ts > interval '1 second'
                and t.received_at
                - ((t.trade_date + time '17:00')
                    at time zone 'America/Chicago')
                > interval '1 second'
            ),
            bool_or(t.is_sampled),
            max(t.created_at),
            (array_agg(row(t.ts, t.seq, t.source)::market.tick_key
                order by t.ts, t.seq, t.source)
                filter (where t.is_trade))[1],
            (array_agg(row(t.ts, t.seq, t.source)::market.tick_key
                order by t.ts, t.seq, t.source)
                filter (where t.is_trade))
                [count(*) filter (where t.is_trade)],
            (array_agg(row(t.ts, t.seq, t.source)::market.tick_key
                order by t.ts, t.seq, t.source)
                filter (where t.bid is not null))[count(t.bid)],
            (array_agg(row(t.ts, t.seq, t.source)::market.tick_key
                order by t.ts, t.seq, t.source)
                filter (where t.ask is not null))[count(t.ask)]
        from inserted as t
        group by t.symbol, date_bin('1 second', t.ts, timestamptz 'epoch')
        order by 1, 2
    ) as p;
    if parts is not null then
        perform market.merge_bars(parts);
    end if;
    return null;
end $$;

create trigger keep_bars
after insert on market.ticks
referencing new table as inserted
for each statement execute function market.keep_bars();

comment on function market.keep_bars() is
    'Makes the bars of inserted ticks and has them added to those that stand.';
