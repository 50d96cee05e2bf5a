-- Stage     30 ticks
-- Makes     market.marks, market.mark_versions
-- Kind      table
-- Grain     one row a (symbol, trade date, source); one row a state of it
-- Known at  received_at
-- Reads     reference.sources
-- Nulls     values that the source does not give
-- Why       Net change is counted from the feed's own previous close, which is
--           no tick.

create table market.marks (
    symbol text not null,
    trade_date date not null,
    source text not null references reference.sources (source),
    prev_close numeric(18, 8),
    settlement numeric(18, 8),
    open numeric(18, 8),
    high numeric(18, 8),
    low numeric(18, 8),
    open_interest bigint,
    high_52w numeric(18, 8),
    low_52w numeric(18, 8),
    received_at timestamptz not null,
    changed_at timestamptz not null default now(),
    primary key (symbol, trade_date, source)
);

comment on table market.marks is
    'Daily values of a feed for a symbol: previous close, settlement, the '
    'session''s open, high and low, open interest, 52 weeks.';
comment on column market.marks.symbol is 'The series.';
comment on column market.marks.trade_date is
    'The exchange''s day of the values.';
comment on column market.marks.source is 'Source of the values.';
comment on column market.marks.prev_close is
    'Close of the session before, as given by the source, in points; null '
    'where not given.';
comment on column market.marks.settlement is
    'Settlement of this trade date, in points; null where not given.';
comment on column market.marks.open is
    'First price of the session, in points; null where not given.';
comment on column market.marks.high is
    'Highest price of the session so far, in points; null where not given.';
comment on column market.marks.low is
    'Lowest price of the session so far, in points; null where not given.';
comment on column market.marks.open_interest is
    'Contracts open; null where not given.';
comment on column market.marks.high_52w is
    'Highest price of 52 weeks, in points; null where not given.';
comment on column market.marks.low_52w is
    'Lowest price of 52 weeks, in points; null where not given.';
comment on column market.marks.received_at is
    'When the source had the newest of them, by the source''s clock.';
comment on column market.marks.changed_at is
    'When this was written, by the database''s clock.';

create table market.mark_versions (
    symbol text not null,
    trade_date date not null,
    source text not null references reference.sources (source),
    prev_close numeric(18, 8),
    settlement numeric(18, 8),
    open numeric(18, 8),
    high numeric(18, 8),
    low numeric(18, 8),
    open_interest bigint,
    high_52w numeric(18, 8),
    low_52w numeric(18, 8),
    received_at timestamptz not null,
    changed_at timestamptz not null default now(),
    primary key (symbol, trade_date, source, received_at)
);

comment on table market.mark_versions is
    'Every version of a row of marks, so that a question about the past is '
    'answered as known then.';
comment on column market.mark_versions.symbol is 'The series.';
comment on column market.mark_versions.trade_date is
    'The exchange''s day of the values.';
comment on column market.mark_versions.source is 'Source of the values.';
comment on column market.mark_versions.prev_close is
    'Close of the session before, as given by the source, in points; null '
    'where not given.';
comment on column market.mark_versions.settlement is
    'Settlement of this trade date, in points; null where not given.';
comment on column market.mark_versions.open is
    'First price of the session, in points; null where not given.';
comment on column market.mark_versions.high is
    'Highest price of the session so far, in points; null where not given.';
comment on column market.mark_versions.low is
    'Lowest price of the session so far, in points; null where not given.';
comment on column market.mark_versions.open_interest is
    'Contracts open; null where not given.';
comment on column market.mark_versions.high_52w is
    'Highest price of 52 weeks, in points; null where not given.';
comment on column market.mark_versions.low_52w is
    'Lowest price of 52 weeks, in points; null where not given.';
comment on column market.mark_versions.received_at is
    'When the source had the newest of them, by the source''s clock.';
comment on column market.mark_versions.changed_at is
    'When this was written, by the database''s clock.';
