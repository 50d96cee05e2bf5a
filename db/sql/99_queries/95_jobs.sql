-- Stage     95 ops
-- The state of the server and of the bars' maintenance: `thor doctor`, `thor db
-- jobs`.

-- name: server_facts
select
    current_setting('server_version') as version,
    current_setting('TimeZone') as time_zone,
    nullif(current_setting('timescaledb.license', true), '') as license,
    nullif(current_setting('timescaledb.telemetry_level', true), '')
        as telemetry,
    nullif(current_setting('timescaledb.max_background_workers', true), '')
        ::integer as workers,
    current_setting('max_worker_processes')::integer as worker_slots,
    current_setting('max_parallel_workers')::integer as parallel_workers,
    (
        select x.extversion from pg_catalog.pg_extension as x
        where x.extname = 'timescaledb'
    ) as timescaledb,
    (
        select a.default_version from pg_catalog.pg_available_extensions as a
        where a.name = 'timescaledb'
    ) as timescaledb_offered,
    -- Null where this user may not see it.
    (
        select s.setting from pg_catalog.pg_settings as s
        where s.name = 'shared_preload_libraries'
    ) as preloaded,
    (
        select count(*) from pg_catalog.pg_database as d
        where d.datallowconn and not d.datistemplate
    ) as databases;

-- name: bars_waiting
select
    count(*) as ranges,
    min(r.recorded_at) as oldest,
    min(r.ts_from) as ts_from,
    max(r.ts_to) as ts_to
from market.bars_to_refresh as r;

-- name: rebuilds
select
    count(*) as slices,
    count(*) filter (where b.rebuilt_at is null) as slices_left,
    max(b.rebuilt_at) as last_rebuilt_at
from ops.bar_rebuilds as b;

-- name: open_symbols
select i.symbol
from reference.instruments as i
inner join reference.sessions as s using (calendar)
where
    s.open_at <= %(as_of)s::timestamptz
    and s.close_at > %(as_of)s::timestamptz;
