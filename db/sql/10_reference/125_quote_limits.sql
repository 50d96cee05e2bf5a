-- Stage     10 reference
-- Makes     reference.quote_limits
-- Kind      table
-- Grain     exactly one row
-- Known at  changed_at
-- Reads     reference.keep_version()
-- Nulls     never
-- Why       Psql, the API and every job must agree on fresh, stale and dead, so
--           they read the limits here.

create table reference.quote_limits (
    is_only boolean primary key default true check (is_only),
    stale_after interval not null default '5 seconds'
    check (stale_after > interval '0'),
    dead_after interval not null default '30 seconds',
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    check (dead_after >= stale_after)
);

create trigger keep_version
before update or delete on reference.quote_limits
for each row execute function reference.keep_version('is_only');

comment on table reference.quote_limits is
    'The ages from which a quote is STALE and DEAD: one row, written from '
    'THOR_STALE_S and THOR_DEAD_S.';
comment on column reference.quote_limits.is_only is
    'Always true: the key that keeps the table at one row.';
comment on column reference.quote_limits.stale_after is
    'A quote is FRESH while its source looked less than this ago, then STALE.';
comment on column reference.quote_limits.dead_after is
    'A quote is DEAD when its source last looked longer ago than this.';
comment on column reference.quote_limits.version is
    'Counts the changes of this row, from 1.';
comment on column reference.quote_limits.changed_at is
    'When this version was written.';
