-- Stage     60 store
-- Makes     store.begin_build(text, text[], timestamptz)
-- Kind      function
-- Grain     one fresh table a width
-- Known at  –
-- Reads     store.families
-- Nulls     never
-- Why       What a build computes is copied into a table of its own, which
--           nobody reads: a cut leaves the store as it was. One build of a
--           width at a time; what a cut one left is dropped here.
--           It runs as the owner, as what ends the build does.

create function store.begin_build(
    of_width text, of_families text[], built_at timestamptz, out copy_in text
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp as $$
declare
    fresh constant text := 'features_' || of_width || '_new';
    columns text;
    given text;
begin
    select
        string_agg(format('%I float8', u.name), ', ' order by f.place, u.place),
        string_agg(format('%I', u.name), ', ' order by f.place, u.place)
            filter (where of_families is null or f.family = any(of_families))
    into columns, given
    from store.families as f
    cross join unnest(f.names) with ordinality as u (name, place);
    execute format('drop table if exists store.%I', fresh);
    execute format('drop table if exists store.%I', fresh || '_merged');
    execute format(
        'create table store.%I (symbol text not null, '
        'bar_start timestamptz not null, bar_ticks bigint not null, '
        'made_at timestamptz not null default %L, '
        'changed_at timestamptz not null default %L, %s)',
        fresh, built_at, built_at, columns
    );
    copy_in := format(
        'copy store.%I (symbol, bar_start, bar_ticks, %s) '
        'from stdin (format binary)', fresh, given
    );
end $$;

revoke execute on function store.begin_build(text, text[], timestamptz)
from public;

comment on function store.begin_build(text, text[], timestamptz) is
    'Makes the empty table that a build of a width fills, of the families '
    '(null: all), and returns the text that copies rows into it.';
