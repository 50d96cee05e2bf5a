-- Stage     50 features
-- Makes     feat._season_bars(text, text[], timestamptz, timestamptz)
-- Kind      function
-- Grain     one row a bar with a trade
-- Known at  –
-- Reads     reference.series, market.bars_1m, market.bars_5m, market.bars_1h
-- Nulls     volumes nobody told
-- Why       A range of minutes is compared with the same minutes of the 30 days
--           before it: where it is short, only those are read, by one plan. A
--           day on which the clocks change is read an hour wider. Not by way of
--           feat._closes: a quarter of the time went into handing rows on.

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
    named text[] := coalesce(
        of_symbols, array(select s.symbol from reference.series as s)
    );
    first timestamptz := least(greatest(ts_from, '1900-01-01Z'), '2200-01-01Z');
    last timestamptz := least(greatest(ts_to, '1900-01-01Z'), '2200-01-01Z');
    local_first timestamp := first at time zone 'America/Chicago';
    local_last timestamp := last at time zone 'America/Chicago';
    starts timestamptz[] := array[first - interval '31 days'];
    ends timestamptz[] := array[last];
    hour interval := interval '0 hours';
    start_at timestamptz;
    read_at timestamptz;
    end_at timestamptz;
    ahead_s float8;
    chicago constant text := 'America/Chicago';
begin
    if of_width not in ('1m', '5m', '1h') then
        raise exception 'width: %: take 1m, 5m or 1h', of_width;
    end if;
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
        -- A plain value: Community compares it before it unpacks.
        read_at := start_at - hour;
        end_at := ends[n];
        -- Null where the clocks change meanwhile: asked bar by bar, then.
        local_first := start_at at time zone 'America/Chicago';
        local_last := end_at at time zone 'America/Chicago';
        ahead_s := case
            when
                local_last - local_first = end_at - start_at
                and end_at - start_at < interval '100 days' then
                date_part('epoch', local_first - start_at at time zone 'UTC')
        end;
        if of_width = '1m' then
            return query
            select
                m.symbol,
                date_part('epoch', m.bar_start),
                coalesce(
                    date_part('epoch', m.bar_start) + ahead_s,
                    date_part('epoch', m.bar_start at time zone chicago)
                )::bigint % 86400,
                m.close::float8,
                m.volume::float8,
                m.bar_start >= start_at
            from market.bars_1m as m
            where
                m.symbol = any(named)
                and m.bar_start >= read_at
                and m.bar_start < end_at
                and m.close is not null;
        elsif of_width = '5m' then
            return query
            select
                m.symbol,
                date_part('epoch', m.bar_start),
                coalesce(
                    date_part('epoch', m.bar_start) + ahead_s,
                    date_part('epoch', m.bar_start at time zone chicago)
                )::bigint % 86400,
                m.close::float8,
                m.volume::float8,
                m.bar_start >= start_at
            from market.bars_5m as m
            where
                m.symbol = any(named)
                and m.bar_start >= read_at
                and m.bar_start < end_at
                and m.close is not null;
        else
            return query
            select
                m.symbol,
                date_part('epoch', m.bar_start),
                coalesce(
                    date_part('epoch', m.bar_start) + ahead_s,
                    date_part('epoch', m.bar_start at time zone chicago)
                )::bigint % 86400,
                m.close::float8,
                m.volume::float8,
                m.bar_start >= start_at
            from market.bars_1h as m
            where
                m.symbol = any(named)
                and m.bar_start >= read_at
                and m.bar_start < end_at
                and m.close is not null;
        end if;
    end loop;
end $$;

comment on function feat._season_bars(
    text, text[], timestamptz, timestamptz
) is
    'Bars with a trade with ts_from <= bar_start < ts_to, of 30 days before '
    'those of the same minutes, and of the hour before, not compared.';
