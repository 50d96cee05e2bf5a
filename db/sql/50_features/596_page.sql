-- Stage     50 features
-- Makes     feat.page(text, text, text[], timestamptz, timestamptz, integer,
--           timestamptz)
-- Kind      function
-- Grain     one array a call, one element a bar with a trade
-- Known at  known_at of each element
-- Reads     feat._closes(text, text[], timestamptz, timestamptz, integer,
--           interval), feat.catalogue
-- Nulls     as the families
-- Why       Features by name, as the API returns them. Only the families of the
--           named features are computed, and only over the bars on the page,
--           which are found first.

create function feat.page(
    of_width text,
    of_symbol text,
    names text[],
    ts_from timestamptz,
    ts_to timestamptz,
    rows_max integer,
    as_of timestamptz
)
returns json
language plpgsql stable parallel safe as $$
declare
    -- A bar may lie ahead of its source's clock, by no day.
    last constant timestamptz := least(ts_to, as_of + interval '1 day');
    first timestamptz;
    width_s constant numeric := extract(epoch from case of_width
        when '1m' then interval '1 minute'
        when '5m' then interval '5 minutes'
        when '1h' then interval '1 hour'
    end);
    bars_max constant integer := least(
        rows_max, ceil(extract(epoch from last - ts_from) / width_s)
    );
    families text;
    shown text;
    found json;
begin
    select greatest(min(n.bar_start), ts_from) into first
    from (
        select b.bar_start
        from feat._closes(
            of_width, array[of_symbol], last, last, bars_max, interval '0 hours'
        ) as b
        order by b.bar_start desc
        limit bars_max
    ) as n
    having count(*) > 0;
    if first is null then
        return '[]'::json;
    end if;
    select
        string_agg(format('%I.%I', c.family, c.name), ', ' order by a.place)
    into shown
    from unnest(names) with ordinality as a (name, place)
    inner join feat.catalogue as c on c.name = a.name and c.width = of_width;
    select
        string_agg(
            format('feat.%I($1, array[$2], $3, $4) as %1$I', f.family)
            || case when f.number > 1 then ' using (bar_start)' else '' end,
            ' inner join ' order by f.number
        )
    into families
    from (
        select c.family, row_number() over (order by c.family) as number
        from feat.catalogue as c
        where c.width = of_width and c.name = any (names)
        group by c.family
    ) as f;
    execute format(
        $page$
        select coalesce(
            json_agg(
                json_build_object(
                    'symbol', $2,
                    'bar_start', to_char(
                        bar_start at time zone 'UTC',
                        'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
                    ),
                    'known_at', to_char(
                        known_at at time zone 'UTC',
                        'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'
                    ),
                    'is_open', known_at > $5 and bar_start <= $5,
                    'features', features
                )
                order by bar_start
            ),
            '[]'::json
        )
        from (
            select bar_start, %3$s.known_at, to_json(v) as features
            from %1$s
            cross join lateral (select %2$s) as v
        ) as r
        $page$,
        families, shown, split_part(shown, '.', 1)
    )
    into found
    using of_width, of_symbol, first, last, as_of;
    return found;
end $$;

comment on function feat.page(
    text, text, text[], timestamptz, timestamptz, integer, timestamptz
) is
    'Features by name, of the newest rows_max bars of a symbol with a trade '
    'and ts_from <= bar_start < ts_to (a null bound is open), oldest first. '
    'is_open: at as_of the bar had begun and was not known.';
