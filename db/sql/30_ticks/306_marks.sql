-- Stage     30 ticks
-- Makes     market.marks, market.mark_versions
-- Kind      table
-- Grain     one row a (symbol, trade date, source); one row a state of it
-- Known at  received_at
-- Reads     reference.sources
-- Nulls     what the source did not say
-- Why       Net change stands on the previous close that the feed itself counts
--           from; it comes beside the ticks and is none.

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
    'What a feed says once a day of a symbol: previous close, settlement, the '
    'session''s open, high and low, open interest, 52 weeks.';
comment on column market.marks.symbol is 'The series.';
comment on column market.marks.trade_date is
    'The exchange''s day that they are of.';
comment on column market.marks.source is 'The source that says them.';
comment on column market.marks.prev_close is
    'Close of the session before, as the source says it, in points; null '
    'where not said.';
comment on column market.marks.settlement is
    'Settlement of this trade date, in points; null where not said.';
comment on column market.marks.open is
    'First price of the session, in points; null where not said.';
comment on column market.marks.high is
    'Highest price of the session so far, in points; null where not said.';
comment on column market.marks.low is
    'Lowest price of the session so far, in points; null where not said.';
comment on column market.marks.open_interest is
    'Contracts open; null where not said.';
comment on column market.marks.high_52w is
    'Highest price of 52 weeks, in points; null where not said.';
comment on column market.marks.low_52w is
    'Lowest price of 52 weeks, in points; null where not said.';
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
    'Each state that a row of marks has had, so that a question about the past '
    'is answered with what was known then.';
comment on column market.mark_versions.symbol is 'The series.';
comment on column market.mark_versions.trade_date is
    'The exchange''s day that they are of.';
comment on column market.mark_versions.source is 'The source that says them.';
comment on column market.mark_versions.prev_close is
    'Close of the session before, as the source says it, in points; null '
    'where not said.';
comment on column market.mark_versions.settlement is
    'Settlement of this trade date, in points; null where not said.';
comment on column market.mark_versions.open is
    'First price of the session, in points; null where not said.';
comment on column market.mark_versions.high is
    'Highest price of the session so far, in points; null where not said.';
comment on column market.mark_versions.low is
    'Lowest price of the session so far, in points; null where not said.';
comment on column market.mark_versions.open_interest is
    'Contracts open; null where not said.';
comment on column market.mark_versions.high_52w is
    'Highest price of 52 weeks, in points; null where not said.';
comment on column market.mark_versions.low_52w is
    'Lowest price of 52 weeks, in points; null where not said.';
comment on column market.mark_versions.received_at is
    'When the source had the newest of them, by the source''s clock.';
comment on column market.mark_versions.changed_at is
    'When this was written, by the database''s clock.';
