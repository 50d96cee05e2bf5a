-- Stage     40 bars
-- Makes     market.source_clocks
-- Kind      table
-- Grain     one row a source
-- Known at  changed_at
-- Reads     reference.sources
-- Nulls     never
-- Why       A bar closes by its source's clock, not by the next tick.

create table market.source_clocks (
    source text primary key references reference.sources (source),
    ts timestamptz not null,
    changed_at timestamptz not null default now()
);

comment on table market.source_clocks is
    'The clock of each source; a bar is closed when its known_at is not later.';
comment on column market.source_clocks.source is 'The source.';
comment on column market.source_clocks.ts is
    'The source''s time, in its last clock entry.';
comment on column market.source_clocks.changed_at is
    'When that was written, by the database''s clock.';
