-- Stage     95 ops
-- The vendor's steps for a restore, and for renaming a database.

-- name: before_restore
select public.timescaledb_pre_restore() as is_ready;

-- name: after_restore
select public.timescaledb_post_restore() as is_ready;

-- name: stop_policies
select _timescaledb_functions.stop_background_workers() as is_stopped;

-- name: start_policies
select _timescaledb_functions.start_background_workers() as is_started;
