-- Stage     95 ops
-- The scheduler: its jobs, the runs of each, and the lease of a due moment.

-- name: database_clock
select clock_timestamp() as moment;

-- name: jobs_at
select
    j.name, j.description, j.command, j.schedule, j.zone, j.policy, j.retries,
    j.timeout, j.is_enabled, j.next_at, j.last_run, j.last_due_at,
    j.last_status, j.last_attempt, j.last_started_at, j.last_ended_at,
    j.last_succeeded_at, j.failures, j.fault
from ops.jobs_at(%(as_of)s::timestamptz) as j
where %(name)s::text is null or j.name = %(name)s::text;

-- name: job_runs
select
    r.id, r.job, r.due_at, r.asked_by, r.status, r.attempt, r.host,
    r.started_at, r.heartbeat_at, r.retry_at, r.ended_at, r.exit_code, r.log,
    r.log_bytes, r.error
from ops.job_runs as r
where
    (%(job)s::text is null or r.job = %(job)s::text)
    and (%(status)s::text is null or r.status = %(status)s::text)
order by coalesce(r.started_at, r.due_at) desc, r.id desc
limit %(limit)s::integer;

-- name: job_run
select
    r.id, r.job, r.due_at, r.asked_by, r.status, r.attempt, r.host,
    r.started_at, r.heartbeat_at, r.retry_at, r.ended_at, r.exit_code, r.log,
    r.log_bytes, r.error
from ops.job_runs as r
where r.job = %(job)s::text and r.id = %(id)s::bigint;

-- name: add_job
insert into ops.jobs (
    name, command, schedule, zone, policy, retries, timeout, is_enabled,
    description
)
values (
    %(name)s::text, %(command)s::text [], %(schedule)s::text, %(zone)s::text,
    %(policy)s::text, %(retries)s::integer, %(timeout)s::interval,
    %(is_enabled)s::boolean, %(description)s::text
)
on conflict (name) do nothing
returning name;

-- name: edit_job
update ops.jobs as j
set
    command = %(command)s::text [],
    schedule = %(schedule)s::text,
    zone = %(zone)s::text,
    policy = %(policy)s::text,
    retries = %(retries)s::integer,
    timeout = %(timeout)s::interval,
    is_enabled = %(is_enabled)s::boolean,
    description = %(description)s::text
where j.name = %(name)s::text;

-- name: remove_job
delete from ops.jobs as j
where j.name = %(name)s::text;

-- Nothing is asked for twice, nor while the job runs.
-- name: ask_job_run
insert into ops.job_runs (job, due_at, asked_by, status)
select j.name, %(as_of)s::timestamptz, %(asked_by)s::text, 'waiting'
from ops.jobs as j
where
    j.name = %(job)s::text
    and not exists (
        select from ops.job_runs as r
        where r.job = j.name and r.status in ('waiting', 'running')
    )
on conflict (job, due_at) do nothing
returning id;

-- Jobs whose row changed, that are due, or that were not looked at for a
-- minute, in which sessions may have changed.
-- name: jobs_to_see
select j.name
from ops.jobs as j
left join ops.job_states as s on j.name = s.job
where
    s.job is null
    or (s.schedule, s.zone, s.is_enabled)
    is distinct from (j.schedule, j.zone, j.is_enabled)
    or (j.is_enabled and s.next_at <= %(as_of)s::timestamptz)
    or (
        j.is_enabled
        and s.seen_at < %(as_of)s::timestamptz - interval '1 minute'
    )
order by s.next_at nulls last, j.name;

-- Another scheduler that has the job's row is at it, so it is left alone.
-- name: lock_job
select
    j.name, j.command, j.schedule, j.zone, j.policy, j.retries, j.timeout,
    j.is_enabled, j.description
from ops.jobs as j
where j.name = %(name)s::text
for no key update skip locked;

-- name: job_state
select s.schedule, s.zone, s.is_enabled, s.seen_until, s.next_at, s.error
from ops.job_states as s
where s.job = %(job)s::text;

-- name: see_job
insert into ops.job_states as s (
    job, schedule, zone, is_enabled, seen_until, seen_at, next_at, error
)
values (
    %(job)s::text, %(schedule)s::text, %(zone)s::text, %(is_enabled)s::boolean,
    %(seen_until)s::timestamptz, %(seen_at)s::timestamptz,
    %(next_at)s::timestamptz, %(error)s::text
)
on conflict (job) do update
    set
        schedule = excluded.schedule,
        zone = excluded.zone,
        is_enabled = excluded.is_enabled,
        seen_until = excluded.seen_until,
        seen_at = excluded.seen_at,
        next_at = excluded.next_at,
        error = excluded.error;

-- name: sessions_of_calendar
select
    s.open_at, s.close_at, s.regular_open_at, s.regular_close_at
from reference.sessions as s
where
    s.calendar = %(calendar)s::text
    and s.close_at > %(ts_from)s::timestamptz
    and s.open_at < %(ts_to)s::timestamptz
order by s.open_at;

-- name: calendars_with_sessions
select distinct s.calendar
from reference.sessions as s
order by s.calendar;

-- name: open_job_run
select r.id, r.status, r.due_at
from ops.job_runs as r
where r.job = %(job)s::text and r.status in ('running', 'retrying')
order by r.status desc, r.due_at
limit 1;

-- The row is the lease: the scheduler that inserts it runs the moment.
-- name: lease_job_run
insert into ops.job_runs (
    job, due_at, asked_by, status, attempt, host, started_at, heartbeat_at
)
values (
    %(job)s::text, %(due_at)s::timestamptz, %(asked_by)s::text, 'running', 1,
    %(host)s::text, %(as_of)s::timestamptz, %(as_of)s::timestamptz
)
on conflict (job, due_at) do nothing
returning id, attempt, log, log_bytes;

-- name: skip_job_runs
insert into ops.job_runs (job, due_at, status, ended_at, error)
select
    %(job)s::text, d.due_at, 'skipped', %(as_of)s::timestamptz,
    %(error)s::text
from unnest(%(due)s::timestamptz []) as d (due_at)
on conflict (job, due_at) do nothing;

-- name: note_job_run
update ops.job_runs as r
set error = %(error)s::text
where
    r.job = %(job)s::text
    and r.due_at = %(due_at)s::timestamptz
    and r.status = 'skipped';

-- Asked for, or to be tried again, while no other run of the job goes on.
-- name: job_runs_to_take
select r.id, r.job
from ops.job_runs as r
inner join ops.jobs as j on r.job = j.name
where
    (
        r.status = 'waiting'
        or (
            r.status = 'retrying'
            and r.retry_at <= %(as_of)s::timestamptz
            and j.is_enabled
        )
    )
    and not exists (
        select from ops.job_runs as x
        where x.job = r.job and x.status = 'running'
    )
order by r.due_at, r.id;

-- name: take_job_run
update ops.job_runs as r
set
    status = 'running',
    attempt = r.attempt + 1,
    host = %(host)s::text,
    started_at = %(as_of)s::timestamptz,
    heartbeat_at = %(as_of)s::timestamptz,
    retry_at = null,
    exit_code = null,
    error = null
where
    r.id = %(id)s::bigint
    and r.status in ('waiting', 'retrying')
    and not exists (
        select from ops.job_runs as x
        where x.job = r.job and x.status = 'running'
    )
returning r.id, r.attempt, r.log, r.log_bytes;

-- A row that is not returned is another's by now.
-- name: beat_job_run
update ops.job_runs as r
set
    heartbeat_at = %(as_of)s::timestamptz,
    log = coalesce(%(log)s::text, r.log),
    log_bytes = %(log_bytes)s::bigint
where
    r.id = %(id)s::bigint
    and r.status = 'running'
    and r.attempt = %(attempt)s::integer
    and r.host = %(host)s::text
returning r.id;

-- name: end_job_run
update ops.job_runs as r
set
    status = %(status)s::text,
    heartbeat_at = %(as_of)s::timestamptz,
    retry_at = %(retry_at)s::timestamptz,
    ended_at = case
        when %(retry_at)s::timestamptz is null then %(as_of)s::timestamptz
    end,
    exit_code = %(exit_code)s::integer,
    log = %(log)s::text,
    log_bytes = %(log_bytes)s::bigint,
    error = %(error)s::text
where
    r.id = %(id)s::bigint
    and r.status = 'running'
    and r.attempt = %(attempt)s::integer
    and r.host = %(host)s::text
returning r.id;

-- name: silent_job_runs
select r.id, r.job, r.attempt, r.host, r.heartbeat_at, j.policy, j.retries
from ops.job_runs as r
inner join ops.jobs as j on r.job = j.name
where
    r.status = 'running'
    and r.heartbeat_at < %(as_of)s::timestamptz - %(silent)s::interval
order by r.id;

-- name: abandon_job_run
update ops.job_runs as r
set
    status = %(status)s::text,
    retry_at = %(retry_at)s::timestamptz,
    ended_at = case
        when %(retry_at)s::timestamptz is null then %(as_of)s::timestamptz
    end,
    error = %(error)s::text
where
    r.id = %(id)s::bigint
    and r.status = 'running'
    and r.attempt = %(attempt)s::integer
    and r.host = %(host)s::text
returning r.id;

-- A newer moment takes the turn of a retry.
-- name: give_up_job_run
update ops.job_runs as r
set
    status = 'failed',
    retry_at = null,
    ended_at = %(as_of)s::timestamptz
where r.id = %(id)s::bigint and r.status = 'retrying'
returning r.id;

-- name: drop_old_job_runs
delete from ops.job_runs as r
where
    r.job = %(job)s::text
    and r.status not in ('waiting', 'running', 'retrying')
    and r.id <= (
        select x.id
        from ops.job_runs as x
        where x.job = %(job)s::text
        order by x.id desc
        offset %(kept)s::integer limit 1
    );
