-- Stage     50 features
-- Makes     feat._seconds(text, text[], timestamptz, timestamptz),
--           feat._last_quotes(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a second with a trade; one row a bar with a quote's sizes
-- Known at  the bar's known_at
-- Reads     reference.series, market.bars_1s, market.ticks,
--           feat._bars(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Nulls     never
-- Why       Bars of a width no longer hold their seconds and the sizes of their
--           last quote. The newest tick with both sizes is one step into the
--           index; a sum would read all ticks.

create function feat._seconds(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz
)
returns table (symbol text, bar_start timestamptz, close float8)
language plpgsql stable parallel safe rows 5000
set enable_nestloop = off as $$
declare
    asked text[] := coalesce(
        of_symbols, array(select r.symbol from reference.series as r)
    );
    length_s integer := case of_width
        when '1m' then 60 when '5m' then 300 else 3600
    end;
    first timestamptz := greatest(ts_from, '1900-01-01Z');
    last timestamptz := least(ts_to, '2200-01-01Z')
        + make_interval(secs => length_s);
    of_symbol text;
begin
    for of_symbol in select distinct u.symbol from unnest(asked) as u (symbol)
    loop
        return query
        select m.symbol, m.bar_start, m.close::float8
        from market.bars_1s as m
        where
            m.symbol = of_symbol
            and m.bar_start >= first
            and m.bar_start < last
            and m.close is not null
            and (
                length_s = 60
                or extract(epoch from m.bar_start)::bigint % length_s
                >= length_s - 60
            );
    end loop;
end $$;

comment on function feat._seconds(
    text, text[], timestamptz, timestamptz
) is
    'Seconds with a trade in the last minute of each bar of a width with '
    'ts_from <= bar_start < ts_to.';

create function feat._last_quotes(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz
)
returns table (
    symbol text, bar_start timestamptz, bid_size float8, ask_size float8
)
language sql stable parallel safe rows 5000
set enable_nestloop = on
begin atomic
    select
        b.symbol,
        b.bar_start,
        q.bid_size::float8 as bid_size,
        q.ask_size::float8 as ask_size
    from feat._bars(
        of_width, of_symbols, ts_from, ts_to, 0, interval '0 hours'
    ) as b
    cross join lateral (
        select t.bid_size, t.ask_size
        from market.ticks as t
        where
            t.symbol = b.symbol
            and t.ts >= b.bar_start
            and t.ts < b.bar_end
            and t.bid_size is not null
            and t.ask_size is not null
        order by t.ts desc, t.seq desc, t.source desc
        limit 1
    ) as q
    where b.bid_close is not null or b.ask_close is not null;
end;

comment on function feat._last_quotes(
    text, text[], timestamptz, timestamptz
) is
    'Sizes at the best bid and ask in the last record of each bar that has '
    'both, of the bars of a width with ts_from <= bar_start < ts_to.';
