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
-- Why       Each width is refreshed after the one below it. Bars newer than
--           end_offset are read from the ticks, so the 1s tail stays short;
--           older than 4 s, a tick's range is also written to
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

select _timescaledb_functions.alter_job_set_hypertable_id(
    public.add_job(
        'market.convert_chunks', interval '10 minutes',
        config => jsonb_build_object('after', w.age), fixed_schedule => false
    ),
    format(
        '%I.%I',
        a.materialization_hypertable_schema,
        a.materialization_hypertable_name
    )::regclass
)
from (
    values
    (1, '_bars_1s', '7 days'),
    (2, '_bars_1m', '30 days'),
    (3, '_bars_5m', '90 days'),
    (4, '_bars_1h', '365 days')
) as w (place, bars, age)
inner join timescaledb_information.continuous_aggregates as a
    on a.view_schema = 'market' and a.view_name = w.bars
order by w.place;
