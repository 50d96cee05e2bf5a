-- Stage     10 reference
-- Makes     reference.markets, reference.market_overrides,
--           reference.market_days
-- Kind      table
-- Grain     one row a market; one row a (market, day) in the others
-- Known at  changed_at
-- Reads     reference.keep_version()
-- Nulls     the lunch break where there is none, hours on a holiday
-- Why       The desk's futures are watched against openings of cash markets
--           around the world, whose days and hours no exchange of the futures
--           knows.

create table reference.markets (
    market text primary key check (market ~ '^[A-Za-z][A-Za-z0-9_ ]{0,30}$'),
    display text not null,
    calendar text not null,
    time_zone text not null,
    hours_zone text,
    open time not null,
    close time not null,
    lunch_start time,
    lunch_end time,
    hours_since date,
    confirmed_until date,
    weight numeric(6, 4) not null,
    is_control boolean not null default true,
    is_captured boolean not null default true,
    sort_order integer not null default 1000,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    changed_by text not null default 'thor',
    reason text not null default 'as delivered',
    constraint markets_hours_in_order check (open < close),
    constraint markets_lunch_in_hours check (
        open < lunch_start and lunch_start < lunch_end and lunch_end < close
    ),
    constraint markets_lunch_whole
    check (num_nulls(lunch_start, lunch_end) <> 1),
    constraint markets_weight_a_share check (weight between 0 and 1)
);

create trigger keep_version
before update or delete on reference.markets
for each row execute function reference.keep_version('market');

create table reference.market_overrides (
    market text not null references reference.markets (market),
    day date not null,
    is_closed boolean not null,
    open time,
    close time,
    lunch_start time,
    lunch_end time,
    note text not null,
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    changed_by text not null default 'thor',
    primary key (market, day),
    constraint market_overrides_hours check (
        case
            when is_closed
                then num_nonnulls(open, close, lunch_start, lunch_end) = 0
            else num_nulls(open, close) = 0 and open < close
        end
    ),
    constraint market_overrides_lunch check (
        num_nulls(lunch_start, lunch_end) <> 1
        and open < lunch_start
        and lunch_start < lunch_end
        and lunch_end < close
    )
);

create trigger keep_version
before update or delete on reference.market_overrides
for each row execute function reference.keep_version('market', 'day');

create table reference.market_days (
    market text not null references reference.markets (market),
    day date not null,
    open_at timestamptz,
    close_at timestamptz,
    lunch_start_at timestamptz,
    lunch_end_at timestamptz,
    is_holiday boolean not null,
    note text,
    confidence text not null default 'library'
    check (confidence in ('library', 'override', 'unconfirmed')),
    version integer not null default 1,
    changed_at timestamptz not null default now(),
    primary key (market, day),
    constraint market_days_open_or_holiday check (
        num_nonnulls(open_at, close_at)
        = case when is_holiday then 0 else 2 end
    ),
    constraint market_days_hours_in_order check (open_at < close_at),
    constraint market_days_lunch_in_hours check (
        num_nulls(lunch_start_at, lunch_end_at) <> 1
        and open_at < lunch_start_at
        and lunch_start_at < lunch_end_at
        and lunch_end_at < close_at
    )
);

create index market_days_day on reference.market_days (day);

create trigger keep_version
before update or delete on reference.market_days
for each row execute function reference.keep_version('market', 'day');

comment on table reference.markets is
    'The world''s markets that the desk watches, from east to west.';
comment on column reference.markets.market is 'Its name, Japan say.';
comment on column reference.markets.display is
    'Its name on the clock wall, Tokyo say.';
comment on column reference.markets.calendar is
    'The calendar of the library that has its holidays, JPX say.';
comment on column reference.markets.time_zone is
    'Whose wall clock its hours are on, Asia/Tokyo say.';
comment on column reference.markets.hours_zone is
    'The zone whose summer time moves its hours, where another than its own: '
    'Mexico keeps New York''s hours. Its hours are then those of winter.';
comment on column reference.markets.open is
    'When it opens on a usual day, by its wall clock.';
comment on column reference.markets.close is
    'When it closes on a usual day, by its wall clock.';
comment on column reference.markets.lunch_start is
    'When its lunch break begins; null: it has none.';
comment on column reference.markets.lunch_end is
    'When its lunch break ends; null: it has none.';
comment on column reference.markets.hours_since is
    'The first day of these hours; days before keep theirs. Null: every day.';
comment on column reference.markets.confirmed_until is
    'The last day that a person has checked against the exchange''s list; '
    'null where nobody has.';
comment on column reference.markets.weight is
    'Its share in the composite, 0 to 1.';
comment on column reference.markets.is_control is
    'Whether it counts in the composite.';
comment on column reference.markets.is_captured is
    'Whether its openings are captured.';
comment on column reference.markets.sort_order is
    'Ascending from east to west.';
comment on column reference.markets.version is
    'Counts the changes of this row, from 1.';
comment on column reference.markets.changed_at is
    'When this version was written.';
comment on column reference.markets.changed_by is 'Who wrote this version.';
comment on column reference.markets.reason is
    'Why this version was written.';

comment on table reference.market_overrides is
    'A person''s corrections of a market''s days; times by its wall clock.';
comment on column reference.market_overrides.market is 'The market.';
comment on column reference.market_overrides.day is
    'The day by its wall clock.';
comment on column reference.market_overrides.is_closed is
    'Whether it does not trade that day.';
comment on column reference.market_overrides.open is
    'When it opens that day; null where closed.';
comment on column reference.market_overrides.close is
    'When it closes that day; null where closed.';
comment on column reference.market_overrides.lunch_start is
    'When its lunch break begins; null: none that day.';
comment on column reference.market_overrides.lunch_end is
    'When its lunch break ends; null: none that day.';
comment on column reference.market_overrides.note is
    'Origin of the correction.';
comment on column reference.market_overrides.version is
    'Counts the changes of this row, from 1.';
comment on column reference.market_overrides.changed_at is
    'When this version was written.';
comment on column reference.market_overrides.changed_by is
    'Who wrote this version.';

comment on table reference.market_days is
    'When each market is open: one row a market and weekday, and a row for a '
    'weekend on which it trades.';
comment on column reference.market_days.market is 'The market.';
comment on column reference.market_days.day is
    'The day by the market''s wall clock.';
comment on column reference.market_days.open_at is
    'First instant of trading; null on a holiday.';
comment on column reference.market_days.close_at is
    'First instant after trading; null on a holiday.';
comment on column reference.market_days.lunch_start_at is
    'First instant of the lunch break; null without one.';
comment on column reference.market_days.lunch_end_at is
    'First instant after the lunch break; null without one.';
comment on column reference.market_days.is_holiday is
    'Whether the market is closed on this day.';
comment on column reference.market_days.note is
    'Why it differs from a usual day.';
comment on column reference.market_days.confidence is
    'library: published, as the calendar library has it; override: a person '
    'entered or confirmed it; unconfirmed: the exchange has not published it '
    'yet, so it is the library''s guess.';
comment on column reference.market_days.version is
    'Counts the changes of this row, from 1.';
comment on column reference.market_days.changed_at is
    'When this version was written.';
