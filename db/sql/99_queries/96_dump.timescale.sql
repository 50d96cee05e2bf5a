-- Stage     95 ops
-- What the vendor asks of a restore, and of a database that is renamed.

-- name: before_restore
select public.timescaledb_pre_restore() as is_ready;

-- name: after_restore
select public.timescaledb_post_restore() as is_ready;

-- name: stop_policies
select _timescaledb_functions.stop_background_workers() as is_stopped;

-- name: start_policies
select _timescaledb_functions.start_background_workers() as is_started;
