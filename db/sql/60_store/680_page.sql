-- Stage     60 store
-- Makes     feat.page(text, text, text[], timestamptz, timestamptz, integer,
--           timestamptz)
-- Kind      function
-- Grain     one array a call, one element a bar with a trade
-- Known at  known_at of each element
-- Reads     feat._closes(text, text[], timestamptz, timestamptz, integer,
--           interval), feat.catalogue, feat.length(text),
--           reference.listed(text),
--           reference.range_from(timestamptz, timestamptz)
-- Nulls     as the families
-- Why       Features by their names, as the API gives them: stored rows, and of
--           bars that have none yet, such as the one that is open, what the
--           families compute. A range can hold no more bars than fit into it.

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
    width_s constant numeric := extract(epoch from feat.length(of_width));
    bars_max constant integer := greatest(least(
        rows_max, ceil(extract(epoch from last - ts_from) / width_s)
    ), 0);
    before timestamptz := last;
    bars timestamptz[] := '{}';
    missing timestamptz[];
    families text;
    computed text;
    stored text;
    every text;
    found json;
begin
    of_symbol := reference.listed(of_symbol);
    perform reference.range_from(ts_from, ts_to);
    while before is not null and cardinality(bars) < bars_max loop
        bars := array(
            select n.bar_start
            from (
                select b.bar_start
                from feat._closes(
                    of_width, array[of_symbol], before, before,
                    bars_max - cardinality(bars), interval '0 hours'
                ) as b
                where ts_from is null or b.bar_start >= ts_from
                order by b.bar_start desc
                limit bars_max - cardinality(bars)
            ) as n
            order by n.bar_start
        ) || bars;
        exit when cardinality(bars) >= bars_max;
        -- Look-backs end at a hole of weeks: go on with what is before it.
        execute format(
            'select max(x.bar_start) + interval %L from ('
            'select max(i.bar_start) as bar_start '
            'from market.bars_imported as i where i.symbol = $1 '
            'and i.width = $2 and i.bar_start >= $3 and i.bar_start < $4 '
            'union all '
            'select max(b.bar_start) from market.%I as b '
            'where b.symbol = $1 and b.trades > 0 '
            'and b.bar_start >= $3 and b.bar_start < $4) as x',
            '1 microsecond', '_bars_' || of_width
        )
        into before
        using
            of_symbol, of_width, coalesce(ts_from, '-infinity'),
            least(bars[1], before - interval '1 microsecond');
    end loop;
    if cardinality(bars) = 0 then
        return '[]'::json;
    end if;
    execute format(
        'select array_agg(n.bar_start order by n.bar_start) '
        'from unnest($1) as n (bar_start) '
        'where not exists (select from feat.%I as m where m.symbol = $2 '
        'and m.bar_start = n.bar_start '
        'and m.bar_start >= $3 and m.bar_start <= $4)',
        'matrix_' || of_width
    )
    into missing using bars, of_symbol, bars[1], bars[cardinality(bars)];
    select
        string_agg(format('m.%I', a.name), ', ' order by a.place),
        string_agg(format('%I.%I', c.family, c.name), ', ' order by a.place)
    into stored, computed
    from unnest(names) with ordinality as a (name, place)
    inner join feat.catalogue as c on c.name = a.name and c.width = of_width;
    every := format(
        'select m.bar_start, m.known_at, to_json(v) as features '
        'from feat.%I as m cross join lateral (select %s) as v '
        'where m.symbol = $2 and m.bar_start = any($3) '
        'and m.bar_start >= $5 and m.bar_start <= $6',
        'matrix_' || of_width, stored
    );
    if missing is not null then
        select
            string_agg(
                format('feat.%I($1, array[$2], $7, $8) as %1$I', f.family)
                || case when f.number > 1 then ' using (bar_start)' else '' end,
                ' inner join ' order by f.number
            )
        into families
        from (
            select c.family, row_number() over (order by c.family) as number
            from feat.catalogue as c
            where c.width = of_width and c.name = any(names)
            group by c.family
        ) as f;
        every := format(
            '%s union all select bar_start, %s.known_at, to_json(v) '
            'from %s cross join lateral (select %s) as v '
            'where bar_start = any($9)',
            every, split_part(computed, '.', 1), families, computed
        );
    end if;
    execute format(
        'select coalesce(json_agg(json_build_object('
        '''symbol'', $2, '
        '''bar_start'', to_char(r.bar_start at time zone ''UTC'', '
        '''YYYY-MM-DD"T"HH24:MI:SS.US"Z"''), '
        '''known_at'', to_char(r.known_at at time zone ''UTC'', '
        '''YYYY-MM-DD"T"HH24:MI:SS.US"Z"''), '
        '''is_open'', r.known_at > $4 and r.bar_start <= $4, '
        '''features'', r.features) order by r.bar_start), ''[]''::json) '
        'from (%s) as r', every
    )
    into found
    using
        of_width, of_symbol, bars, as_of, bars[1], bars[cardinality(bars)],
        missing[1], missing[cardinality(missing)] + interval '1 microsecond',
        missing;
    return found;
end $$;

comment on function feat.page(
    text, text, text[], timestamptz, timestamptz, integer, timestamptz
) is
    'Features by name, of the newest rows_max bars of a symbol with a trade '
    'and ts_from <= bar_start < ts_to (a null bound is open), oldest first. '
    'is_open: at as_of the bar had begun and was not known.';
