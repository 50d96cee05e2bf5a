-- Stage     30 ticks
-- Makes     hypertable market.ticks
-- Kind      hypertable
-- Grain     one chunk a UTC day
-- Known at  –
-- Reads     market.ticks
-- Nulls     –
-- Why       Chunks of a day keep the index that is being written small. No
--           retention policy: it would drop ticks that were just replayed.

select public.create_hypertable(
    'market.ticks', public.by_range('ts', interval '1 day'),
    create_default_indexes => false, migrate_data => true
);

alter table market.ticks set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'ts, seq, source'
);
