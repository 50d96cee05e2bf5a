-- Stage     40 bars
-- Writes bars without ticks into the aggregate itself, on the timescale
-- edition. An aggregate ends at its watermark, which only a refresh with
-- changes moves: to after its last row. So two rows without a symbol are put at
-- the ends of the range, the first is refreshed away, and the watermark is then
-- at the end of the range.

-- name: aggregate_statements
select
    format(
        'delete from %%s where bar_start >= {ts_from}::timestamptz '
        'and bar_start < {ts_to}::timestamptz', p.place
    ) as clear,
    format(
        'insert into %%s (symbol, bar_start) values '
        '('''', {ts_from}::timestamptz), '
        '('''', {ts_to}::timestamptz - interval ''1 second'')', p.place
    ) as mark_ends,
    format(
        'copy %%s (symbol, bar_start, open, high, low, close, volume, '
        'volume_buy, volume_sell, trades, ticks, notional, bid_close, '
        'ask_close, spread_sum, quotes, late_1s, late_1m, late_5m, late_1h, '
        'late_1d, is_sampled, changed_at) from stdin (format binary)', p.place
    ) as copy_in
from (
    select
        quote_ident(a.materialization_hypertable_schema) || '.'
        || quote_ident(a.materialization_hypertable_name) as place
    from timescaledb_information.continuous_aggregates as a
    where
        a.view_schema = %(view_schema)s::text
        and a.view_name = %(view_name)s::text
) as p;
