-- Stage     30 ticks
-- Makes     market.gaps
-- Kind      table
-- Grain     one row a hole in one source's ticks of one symbol
-- Known at  recorded_at
-- Reads     –
-- Nulls     filled_by while it is not filled
-- Why       Missing data are a fact about the data like any other.

create table market.gaps (
    symbol text not null,
    source text not null,
    trade_date date not null,
    gap_start timestamptz not null,
    gap_end timestamptz not null,
    cause text not null check (cause in ('symbol silent', 'source silent')),
    filled_by text,
    recorded_at timestamptz not null default now(),
    primary key (symbol, source, gap_start),
    check (gap_start < gap_end)
);

create index gaps_trade_date on market.gaps (trade_date);

comment on table market.gaps is
    'Every silence within a session longer than the source''s cadence.';
comment on column market.gaps.symbol is 'The series that was silent.';
comment on column market.gaps.source is 'The source that was silent on it.';
comment on column market.gaps.trade_date is 'The exchange''s day of the gap.';
comment on column market.gaps.gap_start is
    'The last tick before it, or the session''s open.';
comment on column market.gaps.gap_end is
    'The next tick, the session''s close, or the end of the scan.';
comment on column market.gaps.cause is
    'source silent where the source had no tick of any symbol meanwhile, else '
    'symbol silent.';
comment on column market.gaps.filled_by is
    'A source that has since delivered ticks within it.';
comment on column market.gaps.recorded_at is
    'When it was last written, by the database''s clock.';
