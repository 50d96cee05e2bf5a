-- Stage     40 bars
-- Makes     market._bars, market._bars_1s, market._bars_1m, market._bars_5m,
--           market._bars_1h
-- Kind      table
-- Grain     one row a (symbol, bar_start, width) with a tick
-- Known at  bar_start + width + 1 s
-- Reads     type market.tick_key
-- Nulls     open … close, notional without a trade; volumes without sizes; keys
--           without a value
-- Why       Sums, first and last values that merge in any order: a late tick
--           costs as much as any other, and ticks are read once.

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

-- Free space on every page, so that a growing bar stays on its page.
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
    'Contracts traded; null where no trade has a size.';
comment on column market._bars.volume_buy is
    'Contracts that buyers took; null where no trade has a side.';
comment on column market._bars.volume_sell is
    'Contracts that sellers hit; null where no trade has a side.';
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
