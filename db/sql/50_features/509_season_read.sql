-- Room      50 features
-- Makes     feat._season_bars(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  known_at
-- Reads     feat._closes(text, text[], timestamptz, timestamptz, integer,
--           interval)
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
    first timestamptz := greatest(ts_from, '1900-01-01Z');
    last timestamptz := least(ts_to, '2200-01-01Z');
    local_first timestamp := first at time zone 'America/Chicago';
    local_last timestamp := last at time zone 'America/Chicago';
    firsts timestamptz[] := array[first - interval '31 days'];
    lasts timestamptz[] := array[last];
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
    for n in 1 .. cardinality(firsts) loop
        return query
        select c.symbol, c.bar_start, c.close::float8, c.volume::float8
        from feat._closes(
            of_width, of_symbols, firsts[n], lasts[n], 0, interval '0 hours'
        ) as c;
    end loop;
end $$;

comment on function feat._season_bars(
    text, text[], timestamptz, timestamptz
) is
    'Bars of a width with a trade with ts_from <= bar_start < ts_to and, of '
    'the 30 days before ts_from, those of the same minutes in Chicago and of '
    'the 60 minutes before those, or more.';
