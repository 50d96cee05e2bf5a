-- Stage     60 store
-- Makes     store.merge_build(text, text[], text[], timestamptz, timestamptz,
--           timestamptz),
--           store.end_build(text, text[], text[], timestamptz, timestamptz,
--           timestamptz)
-- Kind      function
-- Grain     one call a slice, which lies in one partition
-- Known at  –
-- Reads     store.families, store.differs(text, text, text),
--           feat.length(text),
--           store.write_features(text, text[], text, text[], timestamptz,
--           timestamptz, timestamptz)
-- Nulls     never
-- Why       Where most of a partition is new it is written anew, in order, and
--           takes the old one's place in a moment: a column filled by updates
--           would double it, and readers of one feature read three times as
--           much. Where little is, rows are changed. A row that the keeper
--           wrote meanwhile is younger than the build and stays.
--           Only the owner of the parent may put a partition in its place: both
--           run as that.

create function store.merge_build(
    of_width text,
    of_symbols text[],
    of_families text[],
    ts_from timestamptz,
    ts_to timestamptz,
    built_at timestamptz
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off as $$
declare
    parent constant text := 'features_' || of_width;
    fresh constant text := parent || '_new';
    merged constant text := fresh || '_merged';
    unit constant text := case of_width when '1m' then 'month' else 'year' end;
    first constant timestamptz := date_trunc(unit, ts_from, 'UTC');
    last constant timestamptz := (
        first at time zone 'UTC' + ('1 ' || unit)::interval
    ) at time zone 'UTC';
    is_whole constant boolean := of_families is null;
    differs text;
    every text;
    chosen text;
    rows_old bigint;
    rows_written bigint;
begin
    if ts_to > last then
        raise exception 'merge_build: % to % is more than a partition',
            ts_from, ts_to using errcode = 'invalid_parameter_value';
    end if;
    execute format('analyse store.%I', fresh);
    execute format(
        'select count(*) from store.%I as o '
        'where o.bar_start >= $1 and o.bar_start < $2', parent
    )
    into rows_old using first, last;
    if rows_old > 0 then
        select
            string_agg(
                case
                    when is_whole or f.family = any(of_families)
                        then store.differs('o', 'n', u.name)
                end, ' or '
            ),
            string_agg(format('%I', u.name), ', ' order by f.place, u.place),
            string_agg(
                case
                    when is_whole or f.family = any(of_families)
                        then format(
                            'case when r.is_taken then n.%1$I else o.%1$I end',
                            u.name
                        )
                    else format('o.%I', u.name)
                end, ', ' order by f.place, u.place
            )
        into differs, every, chosen
        from store.families as f
        cross join unnest(f.names) with ordinality as u (name, place);
        execute format(
            'select count(*) from store.%I as n left join store.%I as o '
            'on o.symbol = n.symbol and o.bar_start = n.bar_start '
            'and o.bar_start >= $1 and o.bar_start < $2 '
            'where (o.symbol is null and $3) '
            'or (o.symbol is not null and (%s))',
            fresh, parent, differs
        )
        into rows_written using ts_from, ts_to, is_whole;
        if rows_written < 0.3 * rows_old then
            return false;
        end if;
        -- The row of before stays to the digit where the new one is the same,
        -- where it is younger, and where it is of other bars.
        execute format('create table store.%I (like store.%I)', merged, fresh);
        execute format(
            'insert into store.%I (symbol, bar_start, bar_ticks, made_at, '
            'changed_at, %s) '
            'select coalesce(o.symbol, n.symbol), '
            'coalesce(o.bar_start, n.bar_start), '
            'case when n.symbol is null or o.changed_at > $1 or not $6 '
            'then o.bar_ticks else n.bar_ticks end, '
            'coalesce(o.made_at, n.made_at), '
            'case when r.is_taken then $1 else o.changed_at end, %s '
            'from store.%I as n full join ('
            'select * from store.%I as k '
            'where k.bar_start >= $2 and k.bar_start < $3) as o '
            'on o.symbol = n.symbol and o.bar_start = n.bar_start '
            'cross join lateral (select case when n.symbol is null then false '
            'when o.symbol is null then true '
            'else o.changed_at <= $1 and (%s) end as is_taken) as r '
            'where (o.symbol is not null or $6) and not ('
            'n.symbol is null and $6 and o.symbol = any($7) '
            'and o.bar_start >= $4 and o.bar_start < $5 '
            'and o.changed_at <= $1) '
            'order by 1, 2',
            merged, every, chosen, fresh, parent, differs
        )
        using built_at, first, last, ts_from, ts_to, is_whole, of_symbols;
        execute format('drop table store.%I', fresh);
        execute format('alter table store.%I rename to %I', merged, fresh);
    end if;
    if not is_whole and rows_old = 0 then
        return false;
    end if;
    execute format(
        'alter table store.%1$I alter column made_at drop default, '
        'alter column changed_at drop default, '
        'add primary key (symbol, bar_start), '
        'add constraint of_partition check (bar_start >= %2$L '
        'and bar_start < %3$L)', fresh, first, last
    );
    execute format(
        'create index on store.%I using brin (bar_start) '
        'with (pages_per_range = 32)', fresh
    );
    execute format('analyse store.%I', fresh);
    return true;
end $$;

create function store.end_build(
    of_width text,
    of_symbols text[],
    of_families text[],
    ts_from timestamptz,
    ts_to timestamptz,
    built_at timestamptz,
    out added bigint,
    out changed bigint,
    out removed bigint
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set enable_nestloop = off as $$
declare
    parent constant text := 'features_' || of_width;
    fresh constant text := parent || '_new';
    unit constant text := case of_width when '1m' then 'month' else 'year' end;
    first constant timestamptz := date_trunc(unit, ts_from, 'UTC');
    last constant timestamptz := (
        first at time zone 'UTC' + ('1 ' || unit)::interval
    ) at time zone 'UTC';
    partition constant text := parent || to_char(
        first at time zone 'UTC',
        case unit when 'month' then '"_"YYYY"_"MM' else '"_"YYYY' end
    );
    every text;
    every_old text;
    every_set text;
begin
    -- What was not merged has no key.
    if not exists (
        select from pg_constraint as c
        where
            c.conrelid = format('store.%I', fresh)::regclass
            and c.contype = 'p'
    ) then
        select w.added, w.changed, w.removed into added, changed, removed
        from store.write_features(
            of_width,
            array(
                select u.name
                from store.families as f
                cross join unnest(f.names) with ordinality as u (name, place)
                where of_families is null or f.family = any(of_families)
                order by f.place, u.place
            ),
            format(
                'select n.* from store.%I as n where not exists ('
                'select from store.%I as k where k.symbol = n.symbol '
                'and k.bar_start = n.bar_start and k.bar_start >= $3 '
                'and k.bar_start < $4 and k.changed_at > %L) '
                'and n.bar_start >= $3 and n.bar_start < $4',
                fresh, parent, built_at
            ),
            of_symbols, ts_from, ts_to, built_at
        ) as w;
        execute format('drop table store.%I', fresh);
        return;
    end if;
    select
        string_agg(format('%I', u.name), ', '),
        string_agg(format('o.%I', u.name), ', '),
        string_agg(format('%1$I = excluded.%1$I', u.name), ', ')
    into every, every_old, every_set
    from store.families as f
    cross join unnest(f.names) as u (name);
    removed := 0;
    if to_regclass(format('store.%I', partition)) is not null then
        -- What the keeper wrote since the build read the bars.
        execute format(
            'insert into store.%1$I (symbol, bar_start, bar_ticks, made_at, '
            'changed_at, %2$s) select o.symbol, o.bar_start, o.bar_ticks, '
            'o.made_at, o.changed_at, %3$s from store.%4$I as o '
            'where o.changed_at > $1 '
            'on conflict (symbol, bar_start) do update set '
            'bar_ticks = excluded.bar_ticks, made_at = excluded.made_at, '
            'changed_at = excluded.changed_at, %5$s',
            fresh, every, every_old, partition, every_set
        )
        using built_at;
        execute format(
            'with other as materialized ('
            'select o.symbol, o.bar_start, n.symbol is null as is_gone, '
            'o.made_at < o.bar_start + $2 as is_usable '
            'from store.%1$I as o left join store.%2$I as n '
            'on n.symbol = o.symbol and n.bar_start = o.bar_start '
            'where n.symbol is null or n.changed_at <> o.changed_at), '
            'kept as (insert into store.%3$I (symbol, bar_start, bar_ticks, '
            'made_at, changed_at, replaced_at, %4$s) '
            'select o.symbol, o.bar_start, o.bar_ticks, o.made_at, '
            'o.changed_at, $1, %5$s from store.%1$I as o inner join other as x '
            'on x.symbol = o.symbol and x.bar_start = o.bar_start '
            'where x.is_usable and o.changed_at < $1) '
            'select count(*) filter (where not x.is_gone), '
            'count(*) filter (where x.is_gone) from other as x',
            partition, fresh, parent || '_before', every, every_old
        )
        into changed, removed
        using built_at, feat.length(of_width) + interval '1 hour 1 second';
        execute format(
            'select count(*) from store.%I as n left join store.%I as o '
            'on o.symbol = n.symbol and o.bar_start = n.bar_start '
            'where o.symbol is null', fresh, partition
        )
        into added;
        execute format(
            'alter table store.%I detach partition store.%I', parent, partition
        );
        execute format('drop table store.%I', partition);
    else
        execute format('select count(*) from store.%I', fresh) into added;
        changed := 0;
    end if;
    execute format('alter table store.%I rename to %I', fresh, partition);
    execute format(
        'alter table store.%I attach partition store.%I '
        'for values from (%L) to (%L)', parent, partition, first, last
    );
    execute format(
        'alter table store.%I drop constraint of_partition', partition
    );
end $$;

revoke execute on function store.merge_build(
    text, text[], text[], timestamptz, timestamptz, timestamptz
) from public;
revoke execute on function store.end_build(
    text, text[], text[], timestamptz, timestamptz, timestamptz
) from public;

comment on function store.merge_build(
    text, text[], text[], timestamptz, timestamptz, timestamptz
) is
    'Merges what a build made with the rows that stand, where that is most of '
    'the partition; returns whether end_build swaps it in.';
comment on function store.end_build(
    text, text[], text[], timestamptz, timestamptz, timestamptz
) is
    'Brings the rows of a slice in step with those that a build made, by a '
    'swap of the partition or row by row, and returns how many were added, '
    'changed and removed.';
