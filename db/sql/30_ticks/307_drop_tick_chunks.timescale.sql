-- Stage     30 ticks
-- Makes     market.drop_tick_chunks(timestamptz, timestamptz)
-- Kind      function
-- Grain     –
-- Known at  –
-- Reads     market.ticks
-- Nulls     never
-- Why       TimescaleDB drops chunks for the owner of a hypertable only, so it
--           runs as that. Its caller has proven that their ticks are in the
--           lake.

create function market.drop_tick_chunks(
    range_start timestamptz, range_end timestamptz
)
returns bigint
language sql volatile
security definer
set search_path = pg_catalog, pg_temp
begin atomic
    select count(*)
    from public.drop_chunks(
        'market.ticks'::regclass,
        older_than => range_end, newer_than => range_start
    );
end;

revoke execute on function market.drop_tick_chunks(timestamptz, timestamptz)
from public;

comment on function market.drop_tick_chunks(timestamptz, timestamptz) is
    'Drops the chunks of ticks that lie within a span; returns how many.';
