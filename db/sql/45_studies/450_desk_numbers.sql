-- Stage     45 studies
-- Makes     studies.sets, studies.thresholds, studies.contract_weights,
--           studies.check_weights(), studies.signal_weights
-- Kind      table and its trigger function
-- Grain     one row a set; a set and symbol; a set and symbol; a signal
-- Known at  changed_at
-- Reads     reference.keep_version()
-- Nulls     never
-- Why       The desk's numbers are rows: each change is a version with who and
--           why, and signals are computed from the current ones.

create table studies.sets (
    set text primary key check (set ~ '^[a-z][a-z0-9_]{0,30}$'),
    description text not null,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    changed_by text not null default 'thor',
    reason text not null default 'as delivered'
);

create trigger keep_version
before update or delete on studies.sets
for each row execute function reference.keep_version('set');

comment on table studies.sets is
    'The sets of numbers that the desk''s signals can be computed by.';
comment on column studies.sets.set is 'The name, desk say.';
comment on column studies.sets.description is 'Purpose of the set.';
comment on column studies.sets.version is
    'Counts the changes of this row, from 1.';
comment on column studies.sets.changed_at is 'When this version was written.';
comment on column studies.sets.changed_by is 'Who wrote this version.';
comment on column studies.sets.reason is 'Why this version was written.';

create table studies.thresholds (
    set text not null references studies.sets (set),
    symbol text not null,
    strong_buy numeric(18, 8) not null,
    buy numeric(18, 8) not null,
    sell numeric(18, 8) not null,
    strong_sell numeric(18, 8) not null,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    changed_by text not null default 'thor',
    reason text not null default 'as delivered',
    primary key (set, symbol),
    constraint thresholds_in_order
    check (
        strong_buy > buy and buy > sell and sell > strong_sell
        and strong_buy > 0 and strong_buy < 'NaN'
        and strong_sell < 0
    )
);

create trigger keep_version
before update or delete on studies.thresholds
for each row execute function reference.keep_version('set', 'symbol');

comment on table studies.thresholds is
    'Net changes from which a symbol is bought or sold, in points.';
comment on column studies.thresholds.set is 'The set.';
comment on column studies.thresholds.symbol is 'The root.';
comment on column studies.thresholds.strong_buy is
    'STRONG_BUY above this net change, in points.';
comment on column studies.thresholds.buy is
    'BUY above this net change, in points.';
comment on column studies.thresholds.sell is
    'HOLD from this net change on, SELL below it, in points.';
comment on column studies.thresholds.strong_sell is
    'STRONG_SELL at this net change and below it, in points.';
comment on column studies.thresholds.version is
    'Counts the changes of this row, from 1.';
comment on column studies.thresholds.changed_at is
    'When this version was written.';
comment on column studies.thresholds.changed_by is 'Who wrote this version.';
comment on column studies.thresholds.reason is
    'Why this version was written.';

create table studies.contract_weights (
    set text not null references studies.sets (set),
    symbol text not null,
    weight numeric(18, 8) not null
    check (weight > '-Infinity' and weight < 'NaN'),
    is_inverted boolean not null default false,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    changed_by text not null default 'thor',
    reason text not null default 'as delivered',
    primary key (set, symbol)
);

create trigger keep_version
before update or delete on studies.contract_weights
for each row execute function reference.keep_version('set', 'symbol');

create function studies.check_weights() returns trigger
language plpgsql as $$
declare
    empty_set text;
begin
    select s.set into empty_set
    from studies.contract_weights as s
    group by s.set
    having sum(abs(s.weight)) = 0
    limit 1;
    if empty_set is not null then
        raise exception
            'weight: all weights of the set % are 0; leave one that is not',
            empty_set
            using errcode = 'check_violation';
    end if;
    return null;
end
$$;

create trigger check_weights
after insert or update or delete on studies.contract_weights
for each statement execute function studies.check_weights();

comment on function studies.check_weights() is
    'Refuses a set whose weights are all 0: its average has no meaning.';
comment on table studies.contract_weights is
    'Weight of a symbol''s signal in the TOTAL.';
comment on column studies.contract_weights.set is 'The set.';
comment on column studies.contract_weights.symbol is 'The root.';
comment on column studies.contract_weights.weight is
    'Factor of the symbol''s stat_value in the TOTAL.';
comment on column studies.contract_weights.is_inverted is
    'Whether a rise means falling shares: the signal''s weight changes its '
    'sign.';
comment on column studies.contract_weights.version is
    'Counts the changes of this row, from 1.';
comment on column studies.contract_weights.changed_at is
    'When this version was written.';
comment on column studies.contract_weights.changed_by is
    'Who wrote this version.';
comment on column studies.contract_weights.reason is
    'Why this version was written.';

create table studies.signal_weights (
    signal text primary key
    check (signal in ('STRONG_BUY', 'BUY', 'HOLD', 'SELL', 'STRONG_SELL')),
    weight numeric(18, 8) not null
    check (weight > '-Infinity' and weight < 'NaN'),
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    changed_by text not null default 'thor',
    reason text not null default 'as delivered'
);

create trigger keep_version
before update or delete on studies.signal_weights
for each row execute function reference.keep_version('signal');

comment on table studies.signal_weights is
    'Weight of each signal in the composite signal.';
comment on column studies.signal_weights.signal is 'The signal.';
comment on column studies.signal_weights.weight is
    'Weight of the signal; an inverted symbol counts the opposite.';
comment on column studies.signal_weights.version is
    'Counts the changes of this row, from 1.';
comment on column studies.signal_weights.changed_at is
    'When this version was written.';
comment on column studies.signal_weights.changed_by is
    'Who wrote this version.';
comment on column studies.signal_weights.reason is
    'Why this version was written.';
