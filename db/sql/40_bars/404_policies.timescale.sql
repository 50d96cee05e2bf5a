-- Stage     40 bars
-- Makes     refresh policy of market._bars_1s,
--           refresh policy of market._bars_1m,
--           refresh policy of market._bars_5m,
--           refresh policy of market._bars_1h,
--           columnstore policy of market._bars_1s,
--           columnstore policy of market._bars_1m,
--           columnstore policy of market._bars_5m,
--           columnstore policy of market._bars_1h
-- Kind      policy
-- Grain     one refresh and one columnstore policy a width
-- Known at  –
-- Reads     market._bars_1s, market._bars_1m, market._bars_5m, market._bars_1h
-- Nulls     –
-- Why       Each width is refreshed after the one below it. What is newer than
--           end_offset is read from the ticks themselves, so the 1s tail stays
--           short; older than 4 s, a tick's range is also written to
--           market.bars_to_refresh, which leaves the in-flight ones 2 s. The
--           default batch of ten buckets would be ten seconds a transaction.

select public.add_continuous_aggregate_policy(
    'market._bars_1s', start_offset => interval '1 hour',
    end_offset => interval '6 seconds',
    schedule_interval => interval '2 seconds', buckets_per_batch => 3600
);
select public.add_continuous_aggregate_policy(
    'market._bars_1m', start_offset => interval '3 hours',
    end_offset => interval '1 minute',
    schedule_interval => interval '30 seconds', buckets_per_batch => 1440
);
select public.add_continuous_aggregate_policy(
    'market._bars_5m', start_offset => interval '12 hours',
    end_offset => interval '5 minutes',
    schedule_interval => interval '1 minute', buckets_per_batch => 2016
);
select public.add_continuous_aggregate_policy(
    'market._bars_1h', start_offset => interval '3 days',
    end_offset => interval '1 hour',
    schedule_interval => interval '5 minutes', buckets_per_batch => 720
);

alter materialized view market._bars_1s set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter materialized view market._bars_1m set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter materialized view market._bars_5m set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);
alter materialized view market._bars_1h set (
    timescaledb.enable_columnstore, timescaledb.segmentby = 'symbol',
    timescaledb.orderby = 'bar_start'
);

call public.add_columnstore_policy(
    'market._bars_1s', after => interval '7 days',
    schedule_interval => interval '1 hour'
);
call public.add_columnstore_policy(
    'market._bars_1m', after => interval '30 days',
    schedule_interval => interval '1 hour'
);
call public.add_columnstore_policy(
    'market._bars_5m', after => interval '90 days',
    schedule_interval => interval '1 hour'
);
call public.add_columnstore_policy(
    'market._bars_1h', after => interval '365 days',
    schedule_interval => interval '1 hour'
);

-- Where somebody reads a chunk that is being converted, neither its emptied
-- rows nor its index are worth a lock that all others would queue behind.
select public.alter_job(j.job_id, config => j.config || '{"reindex": false}')
from timescaledb_information.jobs as j
where j.proc_name = 'policy_compression';

do $$ begin
    execute format(
        'alter database %I set timescaledb.compress_truncate_behaviour = %L',
        current_database(), 'truncate_or_delete'
    );
end $$;
