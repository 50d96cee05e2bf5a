-- Stage     30 ticks
-- Makes     market.dropped_ranges
-- Kind      table
-- Grain     one row a trade date whose ticks were dropped
-- Known at  dropped_at
-- Reads     –
-- Nulls     never
-- Why       Bars outlive their ticks. Dropped ranges are recorded, so that no
--           late tick is inserted into one and no refresh or rebuild recomputes
--           its bars from missing ticks.

create table market.dropped_ranges (
    trade_date date primary key,
    ts_from timestamptz not null,
    ts_to timestamptz not null,
    ticks bigint not null check (ticks >= 0),
    evidence text not null,
    dropped_at timestamptz not null default now(),
    check (ts_from < ts_to),
    exclude using gist (tstzrange(ts_from, ts_to) with &&)
);

comment on table market.dropped_ranges is
    'Trade dates whose ticks were dropped after they were verified elsewhere: '
    'their bars stay as they are.';
comment on column market.dropped_ranges.trade_date is 'The exchange''s day.';
comment on column market.dropped_ranges.ts_from is
    'First instant of the range.';
comment on column market.dropped_ranges.ts_to is
    'First instant after the range.';
comment on column market.dropped_ranges.ticks is 'Ticks that were dropped.';
comment on column market.dropped_ranges.evidence is
    'Where they can be read now, and how that was verified.';
comment on column market.dropped_ranges.dropped_at is
    'When they were dropped, by the database''s clock.';
