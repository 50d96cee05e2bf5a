-- Stage     95 ops
-- TimescaleDB's policies. Errors are visible to the database's and the job's
-- owner only; a missing instant is -infinity.

-- name: policies
select
    j.job_id as job,
    case j.proc_name
        when 'policy_refresh_continuous_aggregate' then 'refresh'
        when 'convert_chunks' then 'columnstore'
        else j.proc_name
    end as policy,
    -- A user's own job has none.
    coalesce(
        quote_ident(j.hypertable_schema) || '.'
        || quote_ident(j.hypertable_name), ''
    ) as target,
    j.schedule_interval as every,
    nullif(s.last_run_started_at, '-infinity') as last_run,
    nullif(s.last_successful_finish, '-infinity') as last_success,
    case
        when s.job_status in ('Running', 'Paused') then lower(s.job_status)
        else lower(s.last_run_status)
    end as status,
    coalesce(s.total_runs, 0) as runs,
    coalesce(s.total_failures, 0) as failures,
    nullif(s.next_start, '-infinity') as next_start,
    e.finish_time as last_error_at,
    e.err_message as last_error,
    pg_has_role(current_user, d.datdba, 'member')
    or pg_has_role(current_user, j.owner, 'member') as is_error_visible
from timescaledb_information.jobs as j
inner join pg_catalog.pg_database as d on d.datname = current_database()
left join timescaledb_information.job_stats as s on s.job_id = j.job_id
left join lateral (
    select
        x.finish_time,
        x.err_message
    from timescaledb_information.job_errors as x
    where x.job_id = j.job_id
    order by x.start_time desc
    limit 1
) as e on true
-- Below that are the extension's own: telemetry, pruning of its history.
where j.job_id >= 1000
order by j.job_id;
