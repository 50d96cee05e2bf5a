-- Stage     50 features
-- Makes     feat._closes(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     market.bars_1m, market.bars_5m, market.bars_1h,
--           feat._segments(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Nulls     volumes that no record had
-- Why       A long mean looks back on thousands of closes and little else of
--           their bars; reading whole bars takes three times as long.

create function feat._closes(
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
    known_at timestamptz,
    close numeric,
    volume bigint,
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
                m.known_at,
                m.close,
                m.volume,
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
                m.known_at,
                m.close,
                m.volume,
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
                m.known_at,
                m.close,
                m.volume,
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

comment on function feat._closes(
    text, text[], timestamptz, timestamptz, integer, interval
) is
    'The closes that feat.closes returns, with their volumes, in their stored '
    'types.';
