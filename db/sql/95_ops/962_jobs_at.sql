-- Stage     95 ops
-- Makes     ops.jobs_at(timestamptz)
-- Kind      function
-- Grain     one row a job of the scheduler
-- Known at  as_of
-- Reads     ops.job_runs, ops.job_states, ops.jobs
-- Nulls     next_at where the job is paused or none is known, last_* where it
--           never ran, fault where it is well
-- Why       Which jobs are well is asked by psql, health, metrics, Grafana and
--           the page of jobs: one answer.

create function ops.jobs_at(as_of timestamptz)
returns table (
    name text,
    description text,
    command text[],
    schedule text,
    zone text,
    policy text,
    retries integer,
    timeout interval,
    is_enabled boolean,
    next_at timestamptz,
    last_run bigint,
    last_due_at timestamptz,
    last_status text,
    last_attempt integer,
    last_started_at timestamptz,
    last_ended_at timestamptz,
    last_succeeded_at timestamptz,
    failures bigint,
    fault text
)
language sql stable
begin atomic
    select
        j.name,
        j.description,
        j.command,
        j.schedule,
        j.zone,
        j.policy,
        j.retries,
        j.timeout,
        j.is_enabled,
        case when j.is_enabled then s.next_at end as next_at,
        newest.id as last_run,
        newest.due_at as last_due_at,
        newest.status as last_status,
        newest.attempt as last_attempt,
        newest.started_at as last_started_at,
        newest.ended_at as last_ended_at,
        counts.succeeded_at as last_succeeded_at,
        counts.failures,
        case
            when j.is_enabled and s.error is not null then s.error
            when ended.status <> 'succeeded'
                then 'its last run ' || case ended.status
                    when 'timed_out' then 'took too long'
                    when 'abandoned' then 'was abandoned'
                    else 'failed'
                end || coalesce(': ' || ended.error, '')
            when counts.waits_since < jobs_at.as_of - interval '5 minutes'
                then 'asked for at '
                || to_char(
                    counts.waits_since at time zone 'UTC',
                    'YYYY-MM-DD HH24:MI'
                )
                || ' UTC and not started; does a scheduler run?'
            when
                j.is_enabled
                and s.next_at < jobs_at.as_of - interval '5 minutes'
                and not counts.is_open
                then 'overdue since '
                || to_char(
                    s.next_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI'
                )
                || ' UTC; does a scheduler run?'
        end as fault
    from ops.jobs as j
    left join ops.job_states as s
        on
            j.name = s.job
            and j.schedule = s.schedule
            and j.zone = s.zone
            and j.is_enabled = s.is_enabled
    left join lateral (
        select
            r.id, r.due_at, r.status, r.attempt, r.started_at, r.ended_at
        from ops.job_runs as r
        where r.job = j.name and r.status <> 'skipped'
        order by coalesce(r.started_at, r.due_at) desc, r.id desc
        limit 1
    ) as newest on true
    left join lateral (
        select r.status, r.error
        from ops.job_runs as r
        where
            r.job = j.name
            and r.status in ('succeeded', 'failed', 'timed_out', 'abandoned')
        order by r.ended_at desc, r.id desc
        limit 1
    ) as ended on true
    cross join lateral (
        select
            max(r.ended_at) filter (
                where r.status = 'succeeded'
            ) as succeeded_at,
            count(*) filter (
                where r.status in ('failed', 'timed_out', 'abandoned')
            ) as failures,
            min(r.due_at) filter (where r.status = 'waiting') as waits_since,
            coalesce(
                bool_or(r.status in ('running', 'retrying')), false
            ) as is_open
        from ops.job_runs as r
        where r.job = j.name
    ) as counts
    order by j.name;
end;

comment on function ops.jobs_at is
    'The scheduler''s jobs as of a moment: when each runs next, its newest '
    'run, its last success, how many of the runs kept failed, and its fault, '
    'null where it is well.';
