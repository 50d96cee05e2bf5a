-- Stage     95 ops
-- Makes     ops.job_runs
-- Kind      table
-- Grain     one row a (job, due_at)
-- Known at  started_at; ended_at
-- Reads     ops.jobs
-- Nulls     asked_by for a run of the schedule, started_at before it starts,
--           ended_at before it ends, retry_at where it is not tried again,
--           exit_code where no process ended by itself, error where it
--           succeeded
-- Why       The inserted row of a due moment is the lease on it, so that
--           each runs once, by however many schedulers.

create table ops.job_runs (
    id bigint generated always as identity primary key,
    job text not null references ops.jobs (name)
    on update cascade on delete cascade,
    due_at timestamptz not null,
    asked_by text,
    status text not null check (
        status in (
            'waiting', 'running', 'retrying', 'succeeded', 'failed',
            'timed_out', 'abandoned', 'skipped'
        )
    ),
    attempt integer not null default 0 check (attempt >= 0),
    host text,
    started_at timestamptz,
    heartbeat_at timestamptz,
    retry_at timestamptz,
    ended_at timestamptz,
    exit_code integer,
    log text not null default '',
    log_bytes bigint not null default 0,
    error text,
    unique (job, due_at),
    check ((status = 'running') <= (heartbeat_at is not null)),
    check ((status = 'retrying') = (retry_at is not null))
);

-- A job never runs twice at once.
create unique index job_runs_running on ops.job_runs (job)
where status = 'running';

create index job_runs_open on ops.job_runs (status)
where status in ('waiting', 'running', 'retrying');

comment on table ops.job_runs is
    'Every run of a job, and every moment that was skipped; the newest 1,000 '
    'of each job are kept.';
comment on column ops.job_runs.id is 'The run''s number.';
comment on column ops.job_runs.job is 'The job.';
comment on column ops.job_runs.due_at is
    'The moment of its schedule, or the moment at which it was asked for.';
comment on column ops.job_runs.asked_by is
    'Who asked for it; null: its schedule.';
comment on column ops.job_runs.status is
    'waiting: asked for and not started; running; retrying: failed, and tried '
    'again at retry_at; succeeded; failed; timed_out: killed after its '
    'timeout; abandoned: its scheduler ended or was killed; skipped: missed, '
    'and not run by the job''s policy.';
comment on column ops.job_runs.attempt is
    'The number of the last attempt, from 1; 0 before the first.';
comment on column ops.job_runs.host is
    'The machine and the process that ran the last attempt.';
comment on column ops.job_runs.started_at is
    'When the last attempt started, by the database''s clock.';
comment on column ops.job_runs.heartbeat_at is
    'When its scheduler last reported it; after 60 s without, it is abandoned.';
comment on column ops.job_runs.retry_at is 'When it is tried again.';
comment on column ops.job_runs.ended_at is
    'When it ended for good, by the database''s clock.';
comment on column ops.job_runs.exit_code is
    'The exit code of the last attempt; minus the signal that killed it.';
comment on column ops.job_runs.log is
    'Its output of all attempts: the first and the last part where it is long.';
comment on column ops.job_runs.log_bytes is
    'The bytes of output that it wrote, kept or not.';
comment on column ops.job_runs.error is 'Why it did not succeed, in one line.';
