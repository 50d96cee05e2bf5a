-- Stage     40 bars
-- Recomputes bars on the timescale edition.

-- A day of seconds a transaction: the default of ten is forty times slower.
-- Oldest first, since each moves the watermark over what lies before it.
-- name: refresh_bars
call public.refresh_continuous_aggregate(
    %(bars)s::regclass, %(ts_from)s::timestamptz, %(ts_to)s::timestamptz,
    force => %(force)s::boolean,
    options => '{"buckets_per_batch": 86400, "refresh_newest_first": false}'
);

-- The end of what a width has stored: later bars are read live. Null while it
-- has stored nothing.
-- name: watermark
select
    case
        when m.watermark > '0001-01-01' then m.watermark
    end as watermark
from (
    select
        _timescaledb_functions.to_timestamp(
            _timescaledb_functions.cagg_watermark(c.mat_hypertable_id)
        ) as watermark
    from _timescaledb_catalog.continuous_agg as c
    where
        c.user_view_schema = 'market' and c.user_view_name = %(bars)s::text
) as m;

-- Whether a width's refresh policy is alive, is at work or soon will be, and
-- ended the run that it began last.
-- name: refresh_policy
select
    s.last_run_started_at as started_at,
    s.last_successful_finish >= s.last_run_started_at as is_finished,
    s.last_run_started_at
    > clock_timestamp() - 5 * j.schedule_interval - interval '10 seconds'
        as is_alive,
    s.last_run_status is null
    or s.next_start < clock_timestamp() + interval '1 second' as is_near
from timescaledb_information.jobs as j
inner join timescaledb_information.job_stats as s on s.job_id = j.job_id
inner join _timescaledb_catalog.continuous_agg as c
    on c.mat_hypertable_id = (j.config ->> 'mat_hypertable_id')::integer
where
    c.user_view_schema = 'market'
    and c.user_view_name = %(bars)s::text
    and j.proc_name = 'policy_refresh_continuous_aggregate'
    and j.scheduled
    and s.last_run_started_at > '0001-01-01';

-- The oldest piece, of a chunk at most, that a width has not stored though its
-- policy should have: it is too old for the policy's next run, and the
-- invalidation log still names it. This reads no tick. While ranges are stale
-- those come first, and take most of this with them.
-- name: next_unstored_range
select
    w.bars,
    _timescaledb_functions.to_timestamp(
        greatest(l.lowest_modified_value, s.range_start)
    ) as ts_from,
    _timescaledb_functions.to_timestamp(
        least(l.greatest_modified_value, s.range_end - 1, w.until - 1) + 1
    ) as ts_to
from (
    select
        u.bars,
        u.place,
        _timescaledb_functions.to_unix_microseconds(u.due) as due,
        _timescaledb_functions.to_unix_microseconds(u.until) as until
    from unnest(
        %(bars)s::text [], %(due)s::timestamptz [], %(until)s::timestamptz []
    ) with ordinality as u (bars, due, until, place)
) as w
inner join _timescaledb_catalog.continuous_agg as c
    on c.user_view_schema = 'market' and c.user_view_name = w.bars
inner join
    _timescaledb_catalog.continuous_aggs_materialization_invalidation_log as l
    on
        l.materialization_id = c.mat_hypertable_id
        and l.lowest_modified_value < w.due
inner join _timescaledb_catalog.dimension as d
    on d.hypertable_id = c.raw_hypertable_id
inner join _timescaledb_catalog.dimension_slice as s
    on
        s.dimension_id = d.id
        and s.range_start < w.due
        and s.range_start <= l.greatest_modified_value
        and s.range_end > l.lowest_modified_value
where
    not exists (
        select
        from market.dropped_ranges as g
        where
            _timescaledb_functions.to_unix_microseconds(g.ts_from)
            <= greatest(l.lowest_modified_value, s.range_start)
            and _timescaledb_functions.to_unix_microseconds(g.ts_to)
            > least(l.greatest_modified_value, s.range_end - 1, w.until - 1)
    )
    and not exists (select from market.bars_to_refresh)
order by w.place, s.range_start, l.lowest_modified_value
limit 1;

-- The end of the stored hourly bars in a range. Later ones are computed from
-- ticks when read, so they need no check.
-- name: stored_until
select
    greatest(
        %(ts_from)s::timestamptz,
        least(
            %(ts_to)s::timestamptz,
            _timescaledb_functions.to_timestamp(
                _timescaledb_functions.cagg_watermark(c.mat_hypertable_id)
            )
        )
    ) as ts_to
from _timescaledb_catalog.continuous_agg as c
where c.user_view_schema = 'market' and c.user_view_name = '_bars_1h';
