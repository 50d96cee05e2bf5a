-- Stage     40 bars
-- Makes     market._bars_1d
-- Kind      view
-- Grain     one row a (symbol, trade date) with a tick
-- Known at  17:00 America/Chicago of the trade date + 1 s
-- Reads     market._bars_1h, reference.own_date_symbols()
-- Nulls     as market._bars_1h
-- Why       The exchange's day turns at 17:00 America/Chicago, a stock's at
--           midnight in New York, both a whole hour of UTC all year: a day is
--           its hours, 23 to 25 of them. Its bar has one start for all, so that
--           a vendor's day meets it.

create view market._bars_1d as
select
    h.symbol,
    (h.trade_date - 1 + time '17:00') at time zone 'America/Chicago'
        as bar_start,
    h.trade_date,
    (array_agg(h.open order by h.bar_start)
        filter (where h.open is not null))[1] as open,
    max(h.high) as high,
    min(h.low) as low,
    (array_agg(h.close order by h.bar_start)
        filter (where h.close is not null))[count(h.close)] as close,
    sum(h.volume)::bigint as volume,
    sum(h.volume_buy)::bigint as volume_buy,
    sum(h.volume_sell)::bigint as volume_sell,
    sum(h.trades)::bigint as trades,
    sum(h.ticks)::bigint as ticks,
    sum(h.notional) as notional,
    (array_agg(h.bid_close order by h.bar_start)
        filter (where h.bid_close is not null))[count(h.bid_close)]
        as bid_close,
    (array_agg(h.ask_close order by h.bar_start)
        filter (where h.ask_close is not null))[count(h.ask_close)]
        as ask_close,
    sum(h.spread_sum) as spread_sum,
    sum(h.quotes)::bigint as quotes,
    sum(h.late_1d)::bigint as late_1d,
    bool_or(h.is_sampled) as is_sampled,
    max(h.changed_at) as changed_at
from (
    select
        b.*,
        case
            when b.symbol = any((select reference.own_date_symbols())::text[])
                then (b.bar_start at time zone 'America/New_York')::date
            else (
                (b.bar_start at time zone 'America/Chicago')
                + interval '7 hours'
            )::date
        end as trade_date
    from market._bars_1h as b
) as h
group by h.symbol, h.trade_date;

comment on view market._bars_1d is
    'Bars of one exchange day as the wider ones are stored. Read bars_1d.';
comment on column market._bars_1d.symbol is 'The series.';
comment on column market._bars_1d.bar_start is
    '17:00 America/Chicago of the day before its trade date.';
comment on column market._bars_1d.trade_date is 'The exchange''s day.';
comment on column market._bars_1d.open is
    'Price of the first trade, in points.';
comment on column market._bars_1d.high is 'Highest trade, in points.';
comment on column market._bars_1d.low is 'Lowest trade, in points.';
comment on column market._bars_1d.close is
    'Price of the last trade, in points.';
comment on column market._bars_1d.volume is
    'Contracts traded; null where no trade has a size.';
comment on column market._bars_1d.volume_buy is
    'Contracts that buyers took; null where no trade has a side.';
comment on column market._bars_1d.volume_sell is
    'Contracts that sellers hit; null where no trade has a side.';
comment on column market._bars_1d.trades is 'Trades.';
comment on column market._bars_1d.ticks is
    'Records of the feed, trades and quotes.';
comment on column market._bars_1d.notional is
    'Sum of price times size of the trades; over volume it is the vwap.';
comment on column market._bars_1d.bid_close is 'Last bid, in points.';
comment on column market._bars_1d.ask_close is 'Last ask, in points.';
comment on column market._bars_1d.spread_sum is
    'Sum of ask - bid over the records that had both, in points.';
comment on column market._bars_1d.quotes is
    'Records that had both bid and ask.';
comment on column market._bars_1d.late_1d is
    'Records received after the bar of the day was known.';
comment on column market._bars_1d.is_sampled is
    'Whether a feed that samples the market is among its sources.';
comment on column market._bars_1d.changed_at is
    'When its newest record was written, by the database''s clock.';
