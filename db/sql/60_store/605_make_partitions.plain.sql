-- Stage     60 store
-- Makes     store.make_partitions(text, timestamptz[])
-- Kind      function
-- Grain     one partition a month of 1m, a year of 5m and 1h
-- Known at  –
-- Reads     –
-- Nulls     never
-- Why       A partition is made as a table of its own and attached: that keeps
--           neither readers nor writers of the others waiting.
--           Only the owner of the parent may attach: it runs as that.

create function store.make_partitions(of_width text, starts timestamptz[])
returns integer
language plpgsql
security definer
set search_path = pg_catalog, pg_temp as $$
declare
    parent constant text := 'features_' || of_width;
    unit constant text := case of_width when '1m' then 'month' else 'year' end;
    first timestamptz;
    name text;
    made integer := 0;
begin
    for first in
        select distinct date_trunc(unit, s.start, 'UTC')
        from unnest(starts) as s (start)
        order by 1
    loop
        name := parent || to_char(
            first at time zone 'UTC',
            case unit when 'month' then '"_"YYYY"_"MM' else '"_"YYYY' end
        );
        continue when to_regclass(format('store.%I', name)) is not null;
        execute format(
            'create table store.%I (like store.%I including all)', name, parent
        );
        execute format(
            'alter table store.%I attach partition store.%I '
            'for values from (%L) to (%L)',
            parent, name, first,
            (first at time zone 'UTC' + ('1 ' || unit)::interval)
            at time zone 'UTC'
        );
        made := made + 1;
    end loop;
    return made;
end $$;

revoke execute on function store.make_partitions(text, timestamptz[])
from public;

comment on function store.make_partitions(text, timestamptz[]) is
    'Makes the partitions of features of a width that bars with these starts '
    'go into; returns how many were not there.';
