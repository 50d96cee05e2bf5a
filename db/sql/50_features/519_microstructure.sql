-- Stage     50 features
-- Makes     feat.microstructure(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat.bars(text, text[], timestamptz, timestamptz, integer,
--           interval),
--           feat._seconds(text, text[], timestamptz, timestamptz),
--           feat._last_quotes(text, text[], timestamptz, timestamptz),
--           reference.instruments, reference.series
-- Nulls     without ticks; aggressors and trades also of imported bars that
--           lack them
-- Why       What happened within the bar, between its buyers and its sellers.
--           Nothing before the bar is read: only the bar, its seconds and its
--           last quote.

create function feat.microstructure(
    of_width text, of_symbols text[], ts_from timestamptz, ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    known_at timestamptz,
    spread_mean_ticks float8,
    spread_last_ticks float8,
    quote_imbalance float8,
    tick_direction_1min float8,
    aggressor_balance float8,
    trade_intensity float8,
    trade_size_mean float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = off set work_mem = '64MB'
begin atomic
    with bars as (
        select
            b.*,
            b.bar_end - interval '1 minute' as last_minute,
            extract(epoch from b.bar_end)::float8
            - extract(epoch from b.bar_start)::float8 as length_s,
            i.tick_size::float8 as tick_size
        from feat.bars(
            of_width, of_symbols, ts_from, ts_to, 0, interval '0 hours'
        ) as b
        inner join reference.series as r on r.symbol = b.symbol
        inner join reference.instruments as i on i.symbol = r.root
    ),

    seconds as (
        select
            s.symbol,
            s.bar_start,
            s.close,
            date_trunc('minute', s.bar_start) as minute
        from feat._seconds(of_width, of_symbols, ts_from, ts_to) as s
    ),

    steps as (
        select
            s.symbol,
            s.minute,
            sign(s.close - lag(s.close) over (
                partition by s.symbol, s.minute order by s.bar_start
            )) as step
        from seconds as s
    ),

    directions as (
        select
            s.symbol,
            s.minute,
            sum(s.step) / nullif(sum(abs(s.step)), 0) as direction
        from steps as s
        group by s.symbol, s.minute
    )

    select
        b.symbol,
        b.bar_start,
        b.known_at,
        b.spread_mean / b.tick_size as spread_mean_ticks,
        (b.ask_close - b.bid_close) / b.tick_size as spread_last_ticks,
        (q.bid_size - q.ask_size) / nullif(q.bid_size + q.ask_size, 0)
            as quote_imbalance,
        d.direction as tick_direction_1min,
        (b.volume_buy - b.volume_sell)
        / nullif(b.volume_buy + b.volume_sell, 0) as aggressor_balance,
        b.trades / b.length_s as trade_intensity,
        b.volume / nullif(b.trades, 0) as trade_size_mean
    from bars as b
    left join feat._last_quotes(of_width, of_symbols, ts_from, ts_to) as q
        on
            q.symbol = b.symbol
            and q.bar_start = b.bar_start
            -- An imported bar has no quotes, though a few ticks lie in it.
            and (b.bid_close is not null or b.ask_close is not null)
    left join directions as d
        on d.symbol = b.symbol and d.minute = b.last_minute;
end;

comment on function feat.microstructure(
    text, text[], timestamptz, timestamptz
) is
    'What happened within the bars with ts_from <= bar_start < ts_to.';
