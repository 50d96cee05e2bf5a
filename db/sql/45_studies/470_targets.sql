-- Stage     45 studies
-- Makes     studies.targets, studies.check_targets()
-- Kind      table and its trigger function
-- Grain     one row a symbol
-- Known at  changed_at
-- Reads     reference.instruments, reference.keep_version()
-- Nulls     the numbers of the other mode
-- Why       How far from its entry a market-open capture worked, or did not. A
--           symbol without a row is not graded: a band made for another
--           contract would mean nothing.

create table studies.targets (
    symbol text primary key,
    mode text not null check (mode in ('POINTS', 'PERCENT', 'DISABLED')),
    offset_high numeric(18, 8) check (offset_high > 0 and offset_high < 'NaN'),
    offset_low numeric(18, 8) check (offset_low > 0 and offset_low < 'NaN'),
    percent_high numeric(18, 8)
    check (percent_high > 0 and percent_high < 100),
    percent_low numeric(18, 8) check (percent_low > 0 and percent_low < 100),
    is_by_last boolean not null default false,
    is_active boolean not null default true,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    changed_by text not null default 'thor',
    reason text not null default 'as delivered',
    constraint targets_of_their_mode check (
        case mode
            when 'POINTS' then num_nulls(offset_high, offset_low) = 0
            when 'PERCENT' then num_nulls(percent_high, percent_low) = 0
            else true
        end
    )
);

create trigger keep_version
before update or delete on studies.targets
for each row execute function reference.keep_version('symbol');

create function studies.check_targets() returns trigger
language plpgsql as $$
declare
    tick numeric;
begin
    select i.tick_size into tick
    from reference.instruments as i
    where i.symbol = new.symbol;
    if least(new.offset_high, new.offset_low) < tick then
        raise exception
            'offset_%: % is less than a tick of %, %',
            case when new.offset_high < tick then 'high' else 'low' end,
            trim_scale(least(new.offset_high, new.offset_low)),
            new.symbol,
            trim_scale(tick)
            using errcode = 'check_violation';
    end if;
    return new;
end
$$;

create trigger check_targets
before insert or update on studies.targets
for each row execute function studies.check_targets();

comment on function studies.check_targets() is
    'Refuses a target that is less than a tick from the entry.';
comment on table studies.targets is
    'How far the targets of a market-open capture are from its entry.';
comment on column studies.targets.symbol is 'The root.';
comment on column studies.targets.mode is
    'POINTS: by the offsets; PERCENT: by the percentages of the entry, in '
    'whole ticks; DISABLED: not graded.';
comment on column studies.targets.offset_high is
    'target_high lies this far above the entry, in points.';
comment on column studies.targets.offset_low is
    'target_low lies this far below the entry, in points.';
comment on column studies.targets.percent_high is
    'target_high lies this far above the entry, in percent: 0.5 is 0.5 %.';
comment on column studies.targets.percent_low is
    'target_low lies this far below the entry, in percent.';
comment on column studies.targets.is_by_last is
    'Whether entry and grade go by the last price: the cash index DX has no '
    'bid and no ask.';
comment on column studies.targets.is_active is
    'Whether captures of the symbol are graded.';
comment on column studies.targets.version is
    'Counts the changes of this row, from 1.';
comment on column studies.targets.changed_at is
    'When this version was written.';
comment on column studies.targets.changed_by is 'Who wrote this version.';
comment on column studies.targets.reason is 'Why this version was written.';
