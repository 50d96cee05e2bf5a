-- Stage     10 reference
-- Makes     reference.rolls
-- Kind      table
-- Grain     one row a change of front month by a rule
-- Known at  rolled_at
-- Reads     reference.keep_version(), reference.instruments, reference.series
-- Nulls     from_contract where a rule's series begins; gap and ratio there
--           and where no bar is common to both
-- Why       The front month of a root is a fact with a reason: evidence records
--           it, and a roll found differently later keeps its old versions.

create table reference.rolls (
    root text not null references reference.instruments (symbol),
    rule text not null check (rule ~ '^[a-z][a-z0-9-]{0,31}$'),
    rolled_at timestamptz not null,
    trade_date date generated always as (
        ((rolled_at at time zone 'America/Chicago') + interval '7 hours')::date
    ) stored,
    from_contract text references reference.series (symbol),
    to_contract text not null references reference.series (symbol),
    gap numeric(18, 8),
    ratio numeric check (ratio > 0 and ratio < 'Infinity'),
    evidence jsonb not null default '{}',
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (root, rule, rolled_at),
    constraint rolls_begin_without_a_gap check (
        from_contract is not null or num_nonnulls(gap, ratio) = 0
    )
);

create trigger keep_version
before update or delete on reference.rolls
for each row execute function reference.keep_version(
    'root', 'rule', 'rolled_at'
);

comment on table reference.rolls is
    'Changes of the front month of a root: when, to which contract, by which '
    'rule and why.';
comment on column reference.rolls.root is 'The instrument, ES say.';
comment on column reference.rolls.rule is
    'volume: the session after a later month traded more than the front; '
    'expiry-5: 5 business days before first notice or last trade; or a name of '
    'your own rolls.';
comment on column reference.rolls.rolled_at is
    'First instant at which to_contract is the front month: 17:00 '
    'America/Chicago before the session, where its daily bar begins.';
comment on column reference.rolls.trade_date is
    'The first trade date of to_contract as the front month.';
comment on column reference.rolls.from_contract is
    'The series that was the front month; null where the rule begins.';
comment on column reference.rolls.to_contract is
    'The series that is the front month from then on.';
comment on column reference.rolls.gap is
    'Price of to_contract minus that of from_contract at the close of the '
    'last bar that both traded before the roll, in points.';
comment on column reference.rolls.ratio is
    'The same two prices, to over from; null where one is not above 0.';
comment on column reference.rolls.evidence is
    'Why it rolled: the volumes and the day they were of, or the date to '
    'leave by; and the bar the gap was read from, its width and prices.';
comment on column reference.rolls.version is
    'Counts the changes of this row, from 1.';
comment on column reference.rolls.changed_at is
    'When this version was written.';
