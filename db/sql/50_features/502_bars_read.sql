-- Stage     50 features
-- Makes     feat._bars(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     market.bars_1m, market.bars_5m, market.bars_1h,
--           feat._segments(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Nulls     as the views
-- Why       Read the bars of a range and those before it, no more. Each engine
--           reads in its own way. Prices keep their stored type, since most
--           families turn few of them into floats.

create function feat._bars(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz,
    bars_back integer,
    time_back interval
)
returns table (
    symbol text,
    bar_start timestamptz,
    bar_end timestamptz,
    known_at timestamptz,
    trade_date date,
    open numeric,
    high numeric,
    low numeric,
    close numeric,
    volume bigint,
    volume_buy bigint,
    volume_sell bigint,
    trades bigint,
    bid_close numeric,
    ask_close numeric,
    spread_mean numeric,
    vwap numeric,
    run integer
)
language plpgsql stable parallel safe rows 5000
set enable_nestloop = off as $$
declare
    part record;
begin
    for part in
        select s.*
        from feat._segments(
            of_width, of_symbols, ts_from, ts_to, bars_back, time_back
        ) as s
    loop
        if of_width = '1m' then
            return query
            select
                m.symbol,
                m.bar_start,
                m.bar_end,
                m.known_at,
                m.trade_date,
                m.open,
                m.high,
                m.low,
                m.close,
                m.volume,
                m.volume_buy,
                m.volume_sell,
                m.trades,
                m.bid_close,
                m.ask_close,
                m.spread_mean,
                m.vwap,
                part.run
            from market.bars_1m as m
            where
                m.symbol = any(part.symbols)
                and m.bar_start >= part.start_at
                and m.bar_start < part.end_at
                and m.close is not null;
        elsif of_width = '5m' then
            return query
            select
                m.symbol,
                m.bar_start,
                m.bar_end,
                m.known_at,
                m.trade_date,
                m.open,
                m.high,
                m.low,
                m.close,
                m.volume,
                m.volume_buy,
                m.volume_sell,
                m.trades,
                m.bid_close,
                m.ask_close,
                m.spread_mean,
                m.vwap,
                part.run
            from market.bars_5m as m
            where
                m.symbol = any(part.symbols)
                and m.bar_start >= part.start_at
                and m.bar_start < part.end_at
                and m.close is not null;
        else
            return query
            select
                m.symbol,
                m.bar_start,
                m.bar_end,
                m.known_at,
                m.trade_date,
                m.open,
                m.high,
                m.low,
                m.close,
                m.volume,
                m.volume_buy,
                m.volume_sell,
                m.trades,
                m.bid_close,
                m.ask_close,
                m.spread_mean,
                m.vwap,
                part.run
            from market.bars_1h as m
            where
                m.symbol = any(part.symbols)
                and m.bar_start >= part.start_at
                and m.bar_start < part.end_at
                and m.close is not null;
        end if;
    end loop;
end $$;

comment on function feat._bars(
    text, text[], timestamptz, timestamptz, integer, interval
) is
    'The bars that feat.bars returns, in their stored types.';
