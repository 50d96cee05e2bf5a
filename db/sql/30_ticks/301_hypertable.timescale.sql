-- Stage     30 ticks
-- Makes     hypertable market.ticks, columnstore policy of market.ticks
-- Kind      hypertable and policy
-- Grain     one chunk a UTC day
-- Known at  –
-- Reads     market.ticks
-- Nulls     –
-- Why       Chunks of a day keep the index that is written to small, and what
--           is older than the late window goes to columns, where it takes a
--           tenth. No retention policy: it would drop what was just replayed.

select public.create_hypertable(
    'market.ticks', public.by_range('ts', interval '1 day'),
    create_default_indexes => false, migrate_data => true
);

alter table market.ticks set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'ts, seq, source'
);

call public.add_columnstore_policy(
    'market.ticks', after => interval '2 days',
    schedule_interval => interval '1 hour'
);
