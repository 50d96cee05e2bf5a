-- Stage     50 features
-- Makes     feat._season_bars(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  –
-- Reads     feat._asked(text, text[], timestamptz, timestamptz),
--           feat._closes(text, text[], timestamptz, timestamptz, integer,
--           interval)
-- Nulls     volumes that no record had
-- Why       A range of minutes is compared with the same minutes of the 30 days
--           before it. Where the range is short, one plan reads only those
--           minutes. A day on which the clocks change is read an hour wider.

create function feat._season_bars(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz
)
returns table (
    symbol text,
    start_s float8,
    minute bigint,
    close float8,
    volume float8,
    is_compared boolean
)
language plpgsql stable parallel safe rows 30000
set enable_nestloop = off set plan_cache_mode = 'force_generic_plan' as $$
declare
    asked constant text[] := feat._asked(of_width, of_symbols, ts_from, ts_to);
    first timestamptz := least(greatest(ts_from, '1900-01-01Z'), '2200-01-01Z');
    last timestamptz := greatest(least(ts_to, '2200-01-01Z'), '1900-01-01Z');
    local_first timestamp := first at time zone 'America/Chicago';
    local_last timestamp := last at time zone 'America/Chicago';
    starts timestamptz[] := array[first - interval '31 days'];
    ends timestamptz[] := array[last];
    hour interval := interval '0 hours';
    start_at timestamptz;
    end_at timestamptz;
    ahead_s float8;
begin
    if last - first < interval '12 hours' then
        hour := interval '1 hour';
        if local_last - local_first <> last - first then
            local_first := local_first - hour;
            local_last := local_last + hour;
        end if;
        select
            array_agg(
                (local_first - make_interval(days => d.back))
                at time zone 'America/Chicago' order by d.back
            ),
            array_agg(
                least(
                    (local_last - make_interval(days => d.back))
                    at time zone 'America/Chicago',
                    last
                ) order by d.back
            )
        into starts, ends
        from generate_series(0, 30) as d (back);
    end if;
    for n in reverse cardinality(starts) .. 1 loop
        start_at := starts[n];
        end_at := ends[n];
        -- Null where the clocks change meanwhile: then each bar is converted.
        local_first := start_at at time zone 'America/Chicago';
        local_last := end_at at time zone 'America/Chicago';
        ahead_s := case
            when
                local_last - local_first = end_at - start_at
                and end_at - start_at < interval '100 days' then
                date_part('epoch', local_first - start_at at time zone 'UTC')
        end;
        return query
        select
            c.symbol,
            date_part('epoch', c.bar_start),
            coalesce(
                date_part('epoch', c.bar_start) + ahead_s,
                date_part('epoch', c.bar_start at time zone 'America/Chicago')
            )::bigint % 86400,
            c.close::float8,
            c.volume::float8,
            c.bar_start >= start_at
        from feat._closes(
            of_width, asked, start_at - hour, end_at,
            0, interval '0 hours'
        ) as c;
    end loop;
end $$;

comment on function feat._season_bars(
    text, text[], timestamptz, timestamptz
) is
    'Bars with a trade with ts_from <= bar_start < ts_to, those of the same '
    'minutes of the 30 days before, and of the hour before each, which is not '
    'compared.';
