-- Jobs that run by a schedule: what, when, and each run.

create table ops.jobs (
    name text primary key check (name ~ '^[a-z][a-z0-9_-]{0,62}$'),
    command text[] not null check (
        cardinality(command) between 1 and 100
        and array_position(command, null) is null
        and command[1] <> ''
    ),
    -- What looks like neither form is refused here; the scheduler reads the
    -- rest, and names what it cannot read in ops.job_states.error.
    schedule text not null constraint jobs_schedule_is_cron_or_session check (
        schedule
        ~ '^(open|close|regular_open|regular_close) *\( *[A-Z][A-Z0-9_]* *\)'
        '( *[+-] *[0-9]+ *[a-z]+)?$'
        or schedule ~ '^[0-9A-Za-z*,/#-]+( +[0-9A-Za-z*,/#-]+){4}$'
    ),
    zone text not null default 'America/Chicago'
    constraint jobs_zone_is_a_time_zone check (
        ('2000-01-01 00:00:00+00'::timestamptz at time zone zone) is not null
    ),
    policy text not null default 'latest'
    check (policy in ('catch_up', 'latest', 'skip')),
    retries integer not null default 0 check (retries between 0 and 100),
    timeout interval not null default '1 hour'
    check (timeout between '1 second' and '7 days'),
    is_enabled boolean not null default true,
    description text not null default '',
    version integer not null default 1,
    changed_at timestamptz not null default now()
);

create trigger keep_version
before update or delete on ops.jobs
for each row execute function reference.keep_version('name');

create table ops.job_states (
    job text primary key references ops.jobs (name)
    on update cascade on delete cascade,
    schedule text not null,
    zone text not null,
    is_enabled boolean not null,
    seen_until timestamptz not null,
    seen_at timestamptz not null,
    next_at timestamptz,
    error text
);

comment on table ops.jobs is
    'What the scheduler runs: the command, when, and its policy for moments '
    'that were missed. Change it here or by thor jobs.';
comment on column ops.jobs.name is 'The job''s name.';
comment on column ops.jobs.command is
    'The arguments of its process, run without a shell; thor and python as '
    'the first stand for those of this install.';
comment on column ops.jobs.schedule is
    'When it is due: cron on the clock of zone, 30 2 * * MON-FRI, or a session '
    'of reference.sessions, close(CME_EQUITY) + 5 min.';
comment on column ops.jobs.zone is
    'Whose wall clock cron is on, America/Chicago. A time that a change of the '
    'clocks skips is due right after it, a time that comes twice once.';
comment on column ops.jobs.policy is
    'What is done about moments that were missed: catch_up runs each in order, '
    'latest runs the newest only, skip none.';
comment on column ops.jobs.retries is
    'How often a run that failed is tried again, after 30 s, then twice as '
    'long each time, 15 min at most.';
comment on column ops.jobs.timeout is
    'How long an attempt may take; its processes are then killed.';
comment on column ops.jobs.is_enabled is
    'Whether it runs by its schedule; false where it is paused.';
comment on column ops.jobs.description is 'What it is for.';
comment on column ops.jobs.version is 'Counts the changes of this row, from 1.';
comment on column ops.jobs.changed_at is 'When this version was written.';

comment on table ops.job_states is
    'How far the scheduler is with each job: one row a job that it has seen.';
comment on column ops.job_states.job is 'The job.';
comment on column ops.job_states.schedule is
    'Its schedule when it was seen; another one counts from then on.';
comment on column ops.job_states.zone is 'Its zone when it was seen.';
comment on column ops.job_states.is_enabled is
    'Whether it was enabled when it was seen; resumed, it counts from then on.';
comment on column ops.job_states.seen_until is
    'No moment up to this one is started any more.';
comment on column ops.job_states.seen_at is
    'When the scheduler computed this row.';
comment on column ops.job_states.next_at is
    'The first moment after seen_until; null where it is paused, where none '
    'is known, or where the schedule cannot be read.';
comment on column ops.job_states.error is
    'Why its schedule or zone cannot be read; null where it can.';

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

insert into ops.jobs (
    name, command, schedule, policy, retries, timeout, description
)
values
(
    'export_trade_date', '{python,-m,jobs.export_trade_date}', '2 17 * * *',
    'latest', 5, '6 hours',
    'Write closed trade dates to the lake, two minutes after they close.'
),
(
    'lake_verify', '{thor,lake,verify,--allow-empty}', '0 6 * * SAT',
    'latest', 1, '12 hours',
    'Compare every file of the lake with the database, row for row.'
),
(
    'drop_old_ticks', '{python,-m,jobs.drop_old_ticks}', '30 18 * * *',
    'latest', 2, '6 hours',
    'Drop ticks older than THOR_TICKS_KEEP_DAYS that the lake has.'
),
(
    'renew_sessions', '{thor,db,sessions,--ahead}', '0 5 * * *',
    'latest', 3, '30 minutes',
    'Compute trading sessions, so that they reach a year ahead.'
),
(
    'calendar_check', '{thor,calendars,check}', 'open(CME_EQUITY) - 30 min',
    'latest', 1, '30 minutes',
    'Check that every calendar has the sessions that its rules give.'
),
(
    'contracts', '{thor,contracts,compute}', 'close(CME_EQUITY) + 5 min',
    'latest', 3, '30 minutes',
    'Compute the contract months as far ahead as sessions reach.'
),
(
    'rolls', '{thor,rolls,find,--all}', '15 17 * * *',
    'latest', 3, '2 hours',
    'Find the rolls of every root that has bars of its months.'
),
(
    'features_build', '{thor,features,build,--holes}', '45 17 * * *',
    'latest', 2, '6 hours',
    'Make the stored features of bars that have none or old ones.'
),
(
    'dump', '{thor,db,dump,--keep,7}', 'close(CME_EQUITY) + 10 min',
    'latest', 2, '6 hours',
    'Dump the database while the market pauses; seven dumps are kept.'
);
