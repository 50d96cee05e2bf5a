-- Stage     60 store
-- Makes     store.closed_until(text, timestamptz),
--           store.open_bars(text, timestamptz),
--           store.stale_bars(text, text[], timestamptz, timestamptz,
--           timestamptz),
--           store.differs(text, text, text),
--           store.write_features(text, text[], text, text[], timestamptz,
--           timestamptz, timestamptz),
--           store.keep_features(text, text, text[], timestamptz, timestamptz,
--           timestamptz)
-- Kind      function
-- Grain     one value; one row a bar
-- Known at  –
-- Reads     feat.length(text), market.source_clocks, reference.series,
--           store.families, store.make_partitions(text, timestamptz[])
-- Nulls     never
-- Why       Brings stored rows in step with the bars. A value is written only
--           where it differs by more than 1e-9, relative above 1 and absolute
--           below: what is made of another range of bars differs in its last
--           digits, and a row that is right stays as it was. A row that was
--           there in time to be used leaves its old self behind.

create function store.closed_until(of_width text, as_of timestamptz)
returns timestamptz
language sql stable parallel safe
begin atomic
    select
        greatest(as_of, max(c.ts)) - feat.length(of_width) - interval '1 second'
    from market.source_clocks as c;
end;

create function store.open_bars(of_width text, as_of timestamptz)
returns timestamptz[]
language sql stable parallel safe
begin atomic
    with clocks as (
        select c.ts
        from market.source_clocks as c
        where c.changed_at > as_of - interval '30 seconds'
    ),

    -- In the second after a bar's end neither it nor the next one is known.
    bars as (
        select
            date_bin(
                feat.length(of_width), c.ts - s.back, timestamptz 'epoch'
            ) as bar_start
        from clocks as c
        cross join (
            values (interval '0 seconds'), (interval '0.999999 seconds')
        ) as s (back)
    ),

    ends as (
        select distinct
            b.bar_start,
            b.bar_start + feat.length(of_width) + interval '1 second'
                as known_at
        from bars as b
    )

    select coalesce(array_agg(e.bar_start), '{}')
    from ends as e
    where not exists (
        select
        from clocks as c
        where
            c.ts >= e.known_at
            and c.ts < e.known_at + interval '5 minutes'
    );
end;

create function store.stale_bars(
    of_width text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz,
    as_of timestamptz
)
returns table (symbol text, bar_start timestamptz)
language plpgsql stable rows 100 as $$
begin
    return query execute format(
        'select b.symbol, b.bar_start from market.%I as b '
        'left join store.%I as f on f.symbol = b.symbol '
        'and f.bar_start = b.bar_start '
        'and f.bar_start >= $2 and f.bar_start < $3 '
        'where b.symbol = any($1) and b.bar_start >= $2 and b.bar_start < $3 '
        'and b.bar_start <= $4 and b.bar_start <> all($5) '
        'and b.close is not null '
        'and f.bar_ticks is distinct from b.ticks',
        'bars_' || of_width, 'features_' || of_width
    )
    using
        coalesce(
            of_symbols, array(select s.symbol from reference.series as s)
        ),
        ts_from, ts_to, store.closed_until(of_width, as_of),
        store.open_bars(of_width, as_of);
end $$;

create function store.differs(of_old text, of_new text, of_column text)
returns text
language sql immutable strict parallel safe
return format(
    'case when %1$I.%3$I is null or %2$I.%3$I is null '
    'then (%1$I.%3$I is null) <> (%2$I.%3$I is null) '
    'else abs(%2$I.%3$I - %1$I.%3$I) '
    '> 1e-9 * greatest(1, abs(%1$I.%3$I)) end',
    of_old, of_new, of_column
);

-- Brings stored rows in step with those that a text selects: $1 width, $2
-- symbols, $3 from, $4 to. `names` are the features that it gives; where those
-- are not all, rows are changed and neither added nor removed.
create function store.write_features(
    of_width text,
    names text[],
    source text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz,
    written_at timestamptz,
    out added bigint,
    out changed bigint,
    out removed bigint
)
language plpgsql
set enable_nestloop = off as $$
declare
    parent constant text := 'features_' || of_width;
    every constant text[] := array(
        select u.name
        from store.families as f
        cross join unnest(f.names) with ordinality as u (name, place)
        order by f.place, u.place
    );
    is_whole constant boolean := names @> every;
    usable constant interval := feat.length(of_width)
        + interval '1 hour 1 second';
    given text;
    given_new text;
    sets text;
    differs text;
begin
    select
        string_agg(format('%I', u.name), ', '),
        string_agg(format('n.%I', u.name), ', '),
        string_agg(format('%1$I = n.%1$I', u.name), ', '),
        string_agg(store.differs('o', 'n', u.name), ' or ')
    into given, given_new, sets, differs
    from unnest(names) as u (name);
    execute format(
        'with made as materialized (%1$s), '
        'compared as materialized ('
        'select n.*, o.symbol is null as is_new, '
        'o.symbol is not null and (%2$s) as is_other, '
        'o.bar_ticks is distinct from n.bar_ticks as is_recounted '
        'from made as n left join store.%3$I as o '
        'on o.symbol = n.symbol and o.bar_start = n.bar_start '
        'and o.bar_start >= $3 and o.bar_start < $4), '
        'gone as materialized ('
        'select o.symbol, o.bar_start from store.%3$I as o '
        'where %4$L and o.symbol = any($2) '
        'and o.bar_start >= $3 and o.bar_start < $4 and not exists ('
        'select from market.%5$I as b where b.symbol = o.symbol '
        'and b.bar_start = o.bar_start and b.close is not null '
        'and b.bar_start >= $3 and b.bar_start < $4)), '
        'kept as ('
        'insert into store.%6$I (symbol, bar_start, bar_ticks, made_at, '
        'changed_at, replaced_at, %7$s) '
        'select o.symbol, o.bar_start, o.bar_ticks, o.made_at, o.changed_at, '
        '$5, %8$s from store.%3$I as o inner join ('
        'select c.symbol, c.bar_start from compared as c where c.is_other '
        'union all select g.symbol, g.bar_start from gone as g) as n '
        'on n.symbol = o.symbol and n.bar_start = o.bar_start '
        'where o.symbol = any($2) and o.bar_start >= $3 and o.bar_start < $4 '
        'and o.made_at < o.bar_start + $6 and o.changed_at < $5), '
        'added as ('
        'insert into store.%3$I (symbol, bar_start, bar_ticks, made_at, '
        'changed_at, %9$s) select n.symbol, n.bar_start, n.bar_ticks, $5, $5, '
        '%10$s from compared as n where n.is_new and %4$L '
        'order by n.symbol, n.bar_start returning 1), '
        'updated as ('
        'update store.%3$I as o set %11$s, bar_ticks = %12$s, '
        'changed_at = case when n.is_other then $5 else o.changed_at end '
        'from compared as n where o.symbol = n.symbol '
        'and o.bar_start = n.bar_start and o.bar_start >= $3 '
        'and o.bar_start < $4 and not n.is_new '
        'and (n.is_other or (%4$L and n.is_recounted)) '
        'returning n.is_other), '
        'removed as ('
        'delete from store.%3$I as o using gone as n '
        'where o.symbol = n.symbol and o.bar_start = n.bar_start '
        'and o.bar_start >= $3 and o.bar_start < $4 returning 1) '
        'select (select count(*) from added), '
        '(select count(*) from updated as u where u.is_other), '
        '(select count(*) from removed)',
        source, differs, parent, is_whole, 'bars_' || of_width,
        parent || '_before',
        (select string_agg(format('%I', u.name), ', ') from unnest(every)
            as u (name)),
        (select string_agg(format('o.%I', u.name), ', ') from unnest(every)
            as u (name)),
        given, given_new, sets,
        case when is_whole then 'n.bar_ticks' else 'o.bar_ticks' end
    )
    into added, changed, removed
    using of_width, of_symbols, ts_from, ts_to, written_at, usable;
end $$;

create function store.keep_features(
    of_width text,
    of_family text,
    of_symbols text[],
    ts_from timestamptz,
    ts_to timestamptz,
    written_at timestamptz,
    out added bigint,
    out changed bigint,
    out removed bigint
)
language plpgsql as $$
declare
    asked constant text[] := coalesce(
        of_symbols, array(select s.symbol from reference.series as s)
    );
    named text[];
    starts timestamptz[];
begin
    select array_agg(u.name order by f.place, u.place) into named
    from store.families as f
    cross join unnest(f.names) with ordinality as u (name, place)
    where of_family is null or f.family = of_family;
    if named is null then
        raise exception 'keep_features: there is no family %', of_family
            using errcode = 'invalid_parameter_value';
    end if;
    if of_family is null then
        execute format(
            'select array_agg(distinct date_trunc(''month'', b.bar_start)) '
            'from market.%I as b where b.symbol = any($1) '
            'and b.bar_start >= $2 and b.bar_start < $3 '
            'and b.close is not null',
            'bars_' || of_width
        )
        into starts using asked, ts_from, ts_to;
        perform store.make_partitions(of_width, starts);
    end if;
    select w.added, w.changed, w.removed into added, changed, removed
    from store.write_features(
        of_width, named,
        format(
            'select m.*, b.ticks as bar_ticks '
            'from feat.%I($1, $2, $3, $4) as m inner join market.%I as b '
            'on b.symbol = m.symbol and b.bar_start = m.bar_start '
            'where b.symbol = any($2) and b.bar_start >= $3 '
            'and b.bar_start < $4 and b.bar_start <= %L '
            'and b.bar_start <> all(%L::timestamptz[])',
            coalesce(of_family, 'matrix'), 'bars_' || of_width,
            store.closed_until(of_width, written_at),
            store.open_bars(of_width, written_at)
        ),
        asked, ts_from, ts_to, written_at
    ) as w;
end $$;

comment on function store.closed_until(text, timestamptz) is
    'The newest start that a closed bar of a width can have at a moment, by '
    'the clock of the database or of the source that is furthest.';
comment on function store.open_bars(text, timestamptz) is
    'The starts of bars of a width that a source whose clock moved in the '
    'last 30 s has not passed, unless another has just done so.';
comment on function store.stale_bars(
    text, text[], timestamptz, timestamptz, timestamptz
) is
    'The closed bars of a width with ts_from <= bar_start < ts_to, of the '
    'symbols (null: all listed), that have no stored row, or one that was made '
    'of fewer or more ticks.';
comment on function store.differs(text, text, text) is
    'The condition that a column of two rows, by their names, differs by more '
    'than 1e-9, relative above 1 and absolute below.';
comment on function store.write_features(
    text, text[], text, text[], timestamptz, timestamptz, timestamptz
) is
    'Brings stored rows in step with the features that a text selects; '
    'store.keep_features and the build call it.';
comment on function store.keep_features(
    text, text, text[], timestamptz, timestamptz, timestamptz
) is
    'Makes the rows of the closed bars of a width with ts_from <= bar_start < '
    'ts_to, of the symbols (null: all listed), and writes what differs; of a '
    'family alone where one is named, into rows that are there. Returns how '
    'many rows were added, changed and removed.';
