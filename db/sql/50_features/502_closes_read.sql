-- Stage     50 features
-- Makes     feat._closes(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     market.bars_1m, market.bars_5m, market.bars_1h,
--           feat._starts(text, text[], timestamptz, integer, interval)
-- Nulls     volumes nobody told
-- Why       A long mean looks back on thousands of closes, and on little else
--           of their bars: to read those whole takes three times as long.

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
    volume bigint
)
language plpgsql stable parallel safe rows 5000
set enable_nestloop = off as $$
declare
    part record;
    -- A plain value: Community compares it before it unpacks.
    last timestamptz := least(ts_to, '2200-01-01Z');
begin
    for part in
        select s.symbols, s.start_at
        from feat._starts(
            of_width,
            of_symbols,
            least(greatest(ts_from, '1900-01-01Z'), '2200-01-01Z'),
            bars_back,
            time_back
        ) as s
    loop
        if of_width = '1m' then
            return query
            select
                m.symbol,
                m.bar_start,
                m.known_at,
                m.close,
                m.volume
            from market.bars_1m as m
            where
                m.symbol = any(part.symbols)
                and m.bar_start >= part.start_at
                and m.bar_start < last
                and m.close is not null;
        elsif of_width = '5m' then
            return query
            select
                m.symbol,
                m.bar_start,
                m.known_at,
                m.close,
                m.volume
            from market.bars_5m as m
            where
                m.symbol = any(part.symbols)
                and m.bar_start >= part.start_at
                and m.bar_start < last
                and m.close is not null;
        else
            return query
            select
                m.symbol,
                m.bar_start,
                m.known_at,
                m.close,
                m.volume
            from market.bars_1h as m
            where
                m.symbol = any(part.symbols)
                and m.bar_start >= part.start_at
                and m.bar_start < last
                and m.close is not null;
        end if;
    end loop;
end $$;

comment on function feat._closes(
    text, text[], timestamptz, timestamptz, integer, interval
) is
    'The closes that feat.closes tells of and their volumes, as the views have '
    'them.';
