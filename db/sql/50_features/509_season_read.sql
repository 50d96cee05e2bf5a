-- Room      50 features
-- Makes     feat._season_bars(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     reference.series, market.bars_1m, market.bars_5m, market.bars_1h
-- Nulls     as the views
-- Why       A range of minutes is compared with the same minutes of the 30 days
--           before it: where it is short, those are read and no others. A day
--           on which the clocks change is read an hour wider.

create function feat._season_bars(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz
)
returns table (
    symbol text,
    bar_start timestamptz,
    close float8,
    volume float8
)
language plpgsql stable parallel safe rows 30000
set enable_nestloop = off as $$
declare
    asked text[] := coalesce(
        of_symbols, array(select r.symbol from reference.series as r)
    );
    first timestamptz := greatest(ts_from, '1900-01-01Z');
    last timestamptz := least(ts_to, '2200-01-01Z');
    local_first timestamp := first at time zone 'America/Chicago';
    local_last timestamp := last at time zone 'America/Chicago';
    firsts timestamptz[] := array[first - interval '31 days'];
    lasts timestamptz[] := array[last];
    of_symbol text;
begin
    if last - first < interval '12 hours' then
        if local_last - local_first <> last - first then
            local_first := local_first - interval '1 hour';
            local_last := local_last + interval '1 hour';
        end if;
        select
            array_agg(
                (local_first - make_interval(days => d.back))
                at time zone 'America/Chicago' - interval '60 minutes'
                order by d.back
            ),
            array_agg(
                least(
                    (local_last - make_interval(days => d.back))
                    at time zone 'America/Chicago',
                    last
                )
                order by d.back
            )
        into firsts, lasts
        from generate_series(0, 30) as d (back);
    end if;
    for of_symbol in select distinct u.symbol from unnest(asked) as u (symbol)
    loop
        for n in 1 .. cardinality(firsts) loop
            if of_width = '1m' then
                return query
                select
                    m.symbol,
                    m.bar_start,
                    m.close::float8,
                    m.volume::float8
                from market.bars_1m as m
                where
                    m.symbol = of_symbol
                    and m.bar_start >= firsts[n]
                    and m.bar_start < lasts[n]
                    and m.close is not null;
            elsif of_width = '5m' then
                return query
                select
                    m.symbol,
                    m.bar_start,
                    m.close::float8,
                    m.volume::float8
                from market.bars_5m as m
                where
                    m.symbol = of_symbol
                    and m.bar_start >= firsts[n]
                    and m.bar_start < lasts[n]
                    and m.close is not null;
            elsif of_width = '1h' then
                return query
                select
                    m.symbol,
                    m.bar_start,
                    m.close::float8,
                    m.volume::float8
                from market.bars_1h as m
                where
                    m.symbol = of_symbol
                    and m.bar_start >= firsts[n]
                    and m.bar_start < lasts[n]
                    and m.close is not null;
            else
                raise exception 'width: %: take 1m, 5m or 1h', of_width;
            end if;
        end loop;
    end loop;
end $$;

comment on function feat._season_bars(
    text, text[], timestamptz, timestamptz
) is
    'Bars of a width with a trade with ts_from <= bar_start < ts_to and, of '
    'the 30 days before ts_from, those of the same minutes in Chicago and of '
    'the 60 minutes before those, or more.';
