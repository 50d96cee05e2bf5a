-- Stage     40 bars
-- Bars that a copy transfers because their ticks were dropped, and bars of
-- every width compared by trade date.

-- name: bar_statements
select
    w.width,
    'select b.trade_date, count(*) as records, sum(hash_numeric_extended('
    'hash_record_extended(row(' || (
        select
            string_agg('b.' || quote_ident(a.attname), ', ' order by a.attnum)
        from pg_catalog.pg_attribute as a
        where
            a.attrelid = ('market.bars_' || w.width)::regclass
            and a.attnum > 0
            and not a.attisdropped
    ) || '), 0)::numeric, 0)) as checksum from market.bars_' || w.width
    || ' as b group by 1 order by 1' as by_date
from (values ('1s'), ('1m'), ('5m'), ('1h'), ('1d')) as w (width);

-- One-second bars alone: the wider ones are made of them.
-- name: dropped_bars
select
    d.trade_date,
    d.ts_from,
    d.ts_to,
    format(
        'copy (select symbol, bar_start, open, high, low, close, volume, '
        'volume_buy, volume_sell, trades, ticks, notional, bid_close, '
        'ask_close, spread_sum, quotes, late_1s, late_1m, late_5m, late_1h, '
        'late_1d, is_sampled, changed_at from market._bars_1s as b '
        'where b.symbol = any(array(select distinct m.symbol '
        'from market._bars_1m as m where m.bar_start >= %%1$L '
        'and m.bar_start < %%2$L)) '
        'and b.bar_start >= %%1$L and b.bar_start < %%2$L) '
        'to stdout (format binary)', d.ts_from, d.ts_to
    ) as copy_out
from market.dropped_ranges as d
where d.trade_date <> all(%(carried)s::date[])
order by d.trade_date;
