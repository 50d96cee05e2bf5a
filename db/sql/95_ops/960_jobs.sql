-- Stage     95 ops
-- Makes     ops.jobs, ops.job_states
-- Kind      table
-- Grain     one row a job of the scheduler
-- Known at  changed_at; seen_at
-- Reads     reference.keep_version()
-- Nulls     next_at where no moment is known to come, error where there is none
-- Why       What runs by itself, when, and what is done about a missed moment
--           is a row that psql shows and changes; what a scheduler has seen of
--           it is another, so that it makes no version of the first.

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
