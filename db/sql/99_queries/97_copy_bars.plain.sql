-- Stage     40 bars
-- Writes bars without ticks beside the others, on the plain edition. They have
-- no keys: keys serve only to add ticks, and none will be added.

-- name: create_bars_arriving
create temporary table bars_arriving on commit drop as
select
    symbol, bar_start, open, high, low, close, volume, volume_buy, volume_sell,
    trades, ticks, notional, bid_close, ask_close, spread_sum, quotes, late_1s,
    late_1m, late_5m, late_1h, late_1d, is_sampled, changed_at
from market._bars_1s
with no data;

-- name: copy_bars_arriving
copy pg_temp.bars_arriving (
    symbol, bar_start, open, high, low, close, volume, volume_buy, volume_sell,
    trades, ticks, notional, bid_close, ask_close, spread_sum, quotes, late_1s,
    late_1m, late_5m, late_1h, late_1d, is_sampled, changed_at
) from stdin (format binary);

-- name: insert_bars_arriving
insert into market._bars (
    symbol, bar_start, width, open, high, low, close, volume, volume_buy,
    volume_sell, trades, ticks, notional, bid_close, ask_close, spread_sum,
    quotes, late_1s, late_1m, late_5m, late_1h, late_1d, is_sampled, changed_at
)
select
    b.symbol,
    date_bin(w.length, b.bar_start, timestamptz 'epoch'),
    w.width,
    (array_agg(b.open order by b.bar_start)
        filter (where b.open is not null))[1],
    max(b.high),
    min(b.low),
    (array_agg(b.close order by b.bar_start)
        filter (where b.close is not null))[count(b.close)],
    sum(b.volume)::bigint,
    sum(b.volume_buy)::bigint,
    sum(b.volume_sell)::bigint,
    sum(b.trades)::bigint,
    sum(b.ticks)::bigint,
    sum(b.notional),
    (array_agg(b.bid_close order by b.bar_start)
        filter (where b.bid_close is not null))[count(b.bid_close)],
    (array_agg(b.ask_close order by b.bar_start)
        filter (where b.ask_close is not null))[count(b.ask_close)],
    sum(b.spread_sum),
    sum(b.quotes)::bigint,
    sum(b.late_1s)::bigint,
    sum(b.late_1m)::bigint,
    sum(b.late_5m)::bigint,
    sum(b.late_1h)::bigint,
    sum(b.late_1d)::bigint,
    bool_or(b.is_sampled),
    max(b.changed_at)
from pg_temp.bars_arriving as b
cross join (values
    ('1s', interval '1 second'),
    ('1m', interval '1 minute'),
    ('5m', interval '5 minutes'),
    ('1h', interval '1 hour')
) as w (width, length)
group by b.symbol, w.width, w.length,
    date_bin(w.length, b.bar_start, timestamptz 'epoch');
