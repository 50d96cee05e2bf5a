-- Stage     55 lake
-- Drops whole chunks, on the timescale edition.

-- name: allow_large_delete
select set_config(
    'timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true
) as setting;

-- The chunks with only ticks of these hours.
-- name: whole_chunks
select
    c.range_start,
    c.range_end
from timescaledb_information.chunks as c
where
    c.hypertable_schema = 'market'
    and c.hypertable_name = 'ticks'
    and c.range_start < %(ts_to)s::timestamptz
    and c.range_end > %(ts_from)s::timestamptz
    and not exists (
        select from market.ticks as t
        where t.ts >= c.range_start and t.ts < %(ts_from)s::timestamptz
    )
    and not exists (
        select from market.ticks as t
        where t.ts >= %(ts_to)s::timestamptz and t.ts < c.range_end
    )
order by c.range_start;

-- name: drop_chunk
select market.drop_tick_chunks(
    %(range_start)s::timestamptz, %(range_end)s::timestamptz
) as chunks;
