-- Stage     60 store
-- Makes     store.merge_build(text, text[], text[], timestamptz, timestamptz,
--           timestamptz),
--           store.end_build(text, text[], text[], timestamptz, timestamptz,
--           timestamptz)
-- Kind      function
-- Grain     one call a slice
-- Known at  –
-- Reads     store.families,
--           store.write_features(text, text[], text, text[], timestamptz,
--           timestamptz, timestamptz)
-- Nulls     never
-- Why       Rows go into the hypertable, which unpacks what it has in columns
--           and is to be changed. A row that the keeper wrote meanwhile is
--           younger than the build and stays.
--           Only its owner drops the table of a build: it runs as that.

create function store.merge_build(
    of_width text,
    of_symbols text[],
    of_families text[],
    ts_from timestamptz,
    ts_to timestamptz,
    built_at timestamptz
)
returns boolean
language sql immutable parallel safe
return false;

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
set search_path = pg_catalog, pg_temp as $$
declare
    fresh constant text := 'features_' || of_width || '_new';
begin
    perform set_config(
        'timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true
    );
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
            fresh, 'features_' || of_width, built_at
        ),
        of_symbols, ts_from, ts_to, built_at
    ) as w;
    execute format('drop table store.%I', fresh);
end $$;

revoke execute on function store.end_build(
    text, text[], text[], timestamptz, timestamptz, timestamptz
) from public;

comment on function store.merge_build(
    text, text[], text[], timestamptz, timestamptz, timestamptz
) is
    'Prepares the end of a build: nothing on this edition.';
comment on function store.end_build(
    text, text[], text[], timestamptz, timestamptz, timestamptz
) is
    'Brings the rows of a slice in step with those that a build made, and '
    'returns how many were added, changed and removed.';
